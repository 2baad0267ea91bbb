import dns from 'node:dns/promises';
import { isLookedUp, type VaultNode } from './address.js';
import { untilAborted } from './until-aborted.js';

/** Looks up SRV records. */
export type SrvLookup = (
  name: string,
) => Promise<readonly { readonly name: string; readonly port: number; readonly priority: number }[]>;

/** The nodes of a vault, in the order in which they are asked: the one that answered last goes first. */
export class Cluster {
  readonly #nodes: readonly VaultNode[];
  readonly #lookup: SrvLookup | undefined;
  #first = '';

  /** @param lookup - given where nodes without a port are looked up; `undefined` asks no DNS for more than an address */
  constructor(nodes: readonly VaultNode[], lookup: SrvLookup | undefined) {
    this.#nodes = nodes;
    this.#lookup = lookup;
  }

  /** All of them, the preferred one first. @throws the signal's reason, whatever DNS is waiting for */
  async inOrder(signal: AbortSignal): Promise<readonly VaultNode[]> {
    const nodes =
      this.#lookup === undefined
        ? this.#nodes
        : await untilAborted(lookUp(this.#nodes, this.#lookup), signal, () => signal.reason as Error);
    const index = nodes.findIndex((node) => keyOf(node) === this.#first);
    return index < 1 ? nodes : [...nodes.slice(index), ...nodes.slice(0, index)];
  }

  /** From now on this one is asked first. */
  prefer(node: VaultNode): void {
    this.#first = keyOf(node);
  }
}

function keyOf({ host, dial }: VaultNode): string {
  return dial === undefined ? host : `${dial.host}:${dial.port}`;
}

/**
 * What `_http._tcp.<host>` names, as the command lines ask; they ignore the record where the address has a port, and a
 * look-up that fails.
 */
async function lookUp(nodes: readonly VaultNode[], lookup: SrvLookup): Promise<readonly VaultNode[]> {
  const found = await Promise.all(
    nodes.map(async (node) => {
      if (!isLookedUp(node, true)) return [node];
      try {
        const records = await lookup(`_http._tcp.${node.url.hostname}`);
        const places = records
          .toSorted((one, other) => one.priority - other.priority)
          .map(({ name, port }) => ({ ...node, host: `${name}:${port}`, dial: { host: name, port } }));
        return places.length === 0 ? [node] : places;
      } catch {
        return [node];
      }
    }),
  );
  return found.flat();
}

/** The look-up of the machine's DNS, or of the servers that the service has set (`dns.setServers`). */
export const dnsLookup: SrvLookup = async (name) => dns.resolveSrv(name);
