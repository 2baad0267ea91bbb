import type { Agent, RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { PinSource } from '@pinvault/core';

let proofCount = 0;

/**
 * The connections of proofs (`proveLive`): in pools of their own, so that nobody else's request rides on a connection
 * that a wrong pin has to refuse, or waits behind one. They end with their proof.
 */
export class ProofPools {
  readonly #pins: PinSource;
  readonly #drop: (socket: Duplex) => void;
  // Under way; the names are those in the options of their requests.
  readonly #names = new Map<AbortSignal, string>();
  readonly #proofs = new Map<unknown, AbortSignal>();
  readonly #sockets = new WeakMap<Duplex, AbortSignal>();

  /** @param drop - ends a connection that is idle */
  constructor(pins: PinSource, drop: (socket: Duplex) => void) {
    this.#pins = pins;
    this.#drop = drop;
  }

  /** The options of a request, which is part of a proof or not. */
  optionsFor<Options extends RequestOptions>(options: Options, agent: Agent): Options {
    const { proof } = this.#pins;
    if (proof === undefined) return options;
    // Neutral for a client, and part of the name under which Node pools connections, and we keep sessions.
    return { ...options, sessionIdContext: this.#nameOf(proof, agent) };
  }

  #nameOf(proof: AbortSignal, agent: Agent): string {
    const known = this.#names.get(proof);
    if (known !== undefined) return known;
    proofCount += 1;
    const name = `pinvault-proof-${proofCount % 1_000_000}`;
    this.#names.set(proof, name);
    this.#proofs.set(name, proof);
    const end = (): void => {
      this.#names.delete(proof);
      this.#proofs.delete(name);
      for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []))
        if (this.#sockets.get(socket) === proof) this.#drop(socket);
    };
    proof.addEventListener('abort', end, { once: true });
    return name;
  }

  /** A connection was opened with these options. */
  track(socket: Duplex | null | undefined, { sessionIdContext }: RequestOptions): void {
    const proof = this.#proofs.get(sessionIdContext);
    if (proof !== undefined && socket !== null && socket !== undefined) this.#sockets.set(socket, proof);
  }

  /** Whether the connection was for a proof that is over. */
  isOver(socket: Duplex): boolean {
    return this.#sockets.get(socket)?.aborted === true;
  }
}
