import { isIP } from 'node:net';
import { type Lookup, PinMismatchError, type PinSource, type Target } from '@pinvault/core';

/** Where a request goes. */
export interface Origin {
  readonly isSecure: boolean;
  /** What its connections are judged for. */
  readonly target: Target;
}

const maxKnown = 1_000;

/** Reads the origins of requests, most of which it has read before. */
export class Origins {
  readonly #servername: string | undefined;
  readonly #known = new Map<string, Origin>();

  /** @param servername - the name that the certificates have to carry, where one was chosen instead of the host */
  constructor(servername: string | undefined) {
    this.#servername = servername;
  }

  /** `undefined` for what is no http(s) origin: undici says what is wrong with it. */
  read(origin: unknown): Origin | undefined {
    if (typeof origin !== 'string' && !(origin instanceof URL)) return undefined;
    const text = String(origin);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (!URL.canParse(text)) return undefined;
    const { protocol, hostname, port } = new URL(text);
    if (protocol !== 'https:' && protocol !== 'http:') return undefined;
    const isSecure = protocol === 'https:';
    const read = {
      isSecure,
      target: this.targetOf(hostname, port === '' ? (isSecure ? 443 : 80) : Number(port)),
    };
    if (this.#known.size === maxKnown) this.#known.clear();
    this.#known.set(text, read);
    return read;
  }

  targetOf(hostname: string, port: number): Target {
    return { host: this.#servername ?? hostOf(hostname), port };
  }
}

/** The host that the name in a URL stands for: an IPv6 address has brackets there. */
export function hostOf(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

/** The `servername` for a target: none for an address (RFC 6066 §3). */
export function serverName({ host }: Target): string {
  return isIP(host) === 0 ? host : '';
}

/** Why nothing may go to this target without TLS; `undefined` where its row says `none`. */
export function whyInsecure(pins: PinSource, { host, port }: Target): Error | undefined {
  let lookup: Lookup | undefined;
  try {
    lookup = pins.lookup?.({ host, port });
  } catch (error) {
    if (error instanceof Error) return error;
  }
  if (lookup?.rule === 'none') return undefined;
  return new PinMismatchError(
    'ERR_PIN_INSECURE_SCHEME',
    `${host}:${port}: plain http cannot be pinned; use https, or let the row of "${host}" say none`,
    { host, port },
  );
}
