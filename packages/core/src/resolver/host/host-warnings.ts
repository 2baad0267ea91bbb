import type { Warnings } from '../warnings.js';

type WarningCode = Parameters<Warnings['say']>[0];

/** Hosts that are named in warnings of one code. */
const maxNamed = 20;

/** Process warnings about hosts: the first ones by name, and that there are more. */
export class HostWarnings {
  readonly #warnings: Warnings;
  readonly #named = new Map<WarningCode, Set<string>>();

  constructor(warnings: Warnings) {
    this.#warnings = warnings;
  }

  /** Warnings about one host. */
  of(host: string): Pick<Warnings, 'say'> {
    return { say: (code, about, message) => this.#say(code, host, about, message) };
  }

  /** Warnings about the resolver as a whole. */
  get common(): Warnings {
    return this.#warnings;
  }

  /** The occasions of these codes are over: should one come back, it is said again. */
  forget(codes: RegExp): void {
    this.#warnings.forget(codes);
    for (const code of this.#named.keys()) if (codes.test(code)) this.#named.delete(code);
  }

  #say(code: WarningCode, host: string, about: string, message: string): void {
    const named = this.#named.get(code) ?? new Set();
    this.#named.set(code, named);
    if (!named.has(host) && named.size >= maxNamed) {
      const text = `more than ${maxNamed} hosts: status().perHost has the worst of them, events have all`;
      this.#warnings.say(code, 'more hosts', text);
      return;
    }
    named.add(host);
    const text = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
    this.#warnings.say(code, `${host} ${about}`, `${host}: ${text}`);
  }
}
