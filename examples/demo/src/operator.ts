import type { DemoVault } from './vault.js';

/** Rows of the secret: text to text, as they stand in the vault's own user interface. */
export type Rows = Readonly<Record<string, string>>;

/** One write: what the vault calls it, and when it was sent (on the monotonic clock, in ms). */
export interface Write {
  readonly version: string;
  readonly sentAt: number;
}

/** The person with the right to write the pins. Knows the store and nothing of pinvault. */
export class Operator {
  readonly #vault: DemoVault;
  #rows: Rows = {};

  constructor(vault: DemoVault) {
    this.#vault = vault;
  }

  get rows(): Rows {
    return this.#rows;
  }

  /** Writes a new version: these rows set, `undefined` for a row that goes. */
  async edit(changes: Readonly<Record<string, string | undefined>>): Promise<Write> {
    const edited = Object.entries({ ...this.#rows, ...changes });
    this.#rows = Object.fromEntries(
      edited.filter((row): row is [string, string] => typeof row[1] === 'string'),
    );
    const sentAt = performance.now();
    return { version: await this.#vault.write(this.#rows), sentAt };
  }
}
