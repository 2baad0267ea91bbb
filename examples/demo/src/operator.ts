import type { DemoVault } from './vault.js';
import { callVault, valueAt } from './vault-api.js';
import { StoryBroken } from './waiting.js';

/** Rows of the secret: text to text, as they stand in the vault's own user interface. */
export type Rows = Readonly<Record<string, string>>;

/** One write: what the vault calls it, and when it was sent (on the monotonic clock, in ms). */
export interface Write {
  readonly version: string;
  readonly sentAt: number;
}

/** The person with the right to write the pins. Knows the vault's API and nothing of pinvault. */
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
    const { status, body } = await callVault(this.#vault, 'PUT', 'secret/data/tls-pins', {
      data: this.#rows,
    });
    if (status !== 200) throw new StoryBroken(`the vault answered a write with ${status}`);
    return { version: String(valueAt(body, 'data', 'version')), sentAt };
  }
}
