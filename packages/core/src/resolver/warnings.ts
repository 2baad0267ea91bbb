import type { PinErrorCode } from '../errors.js';
import { printable } from '../internal/text.js';

/** Codes of warnings that are not errors. */
type PinWarningCode =
  | 'PINVAULT_REPORT_MODE'
  | 'PINVAULT_FALLBACK'
  | 'PINVAULT_LAST_KNOWN_GOOD'
  | 'PINVAULT_STALE'
  | 'PINVAULT_DOCUMENT'
  | 'PINVAULT_LISTENER';

// A store that changes its mistake with every read must not fill the memory.
const maxRemembered = 1_000;

/** Process warnings (`process.emitWarning`), each said once. */
export class Warnings {
  readonly #isEnabled: boolean;
  readonly #resolver: string;
  readonly #said = new Set<string>();

  constructor(resolver: string, isEnabled: boolean) {
    this.#resolver = resolver;
    this.#isEnabled = isEnabled;
  }

  /** `about` tells one occasion from another; the same one is not said twice. */
  say(code: PinWarningCode | PinErrorCode, about: string, message: string): void {
    if (!this.#isEnabled || this.#said.has(`${code} ${about}`)) return;
    if (this.#said.size === maxRemembered) this.#forgetOldest();
    this.#said.add(`${code} ${about}`);
    const text = message.startsWith(code) ? message : `${code}: ${message}`;
    process.emitWarning(`[${this.#resolver}] ${printable(text, 1_000)}`, { type: 'PinvaultWarning', code });
  }

  #forgetOldest(): void {
    const [oldest] = this.#said;
    if (oldest !== undefined) this.#said.delete(oldest);
  }

  /** The occasions of these codes are over: should one come back, it is said again. */
  forget(codes: RegExp): void {
    for (const said of this.#said) {
      const [code = ''] = said.split(' ', 1);
      if (codes.test(code)) this.#said.delete(said);
    }
  }
}
