import type { CreatePinResolverOptions } from 'pinvault';
import type { Rows } from './operator.js';

/** The store that holds the pins of the demo: a vault, whosever it is. */
export interface DemoVault {
  /** What it is, for the reader: `OpenBao 2.7.1`. */
  readonly name: string;
  readonly address: string;
  /** Where the pins lie in it: `secret/tls-pins`. */
  readonly secret: string;
  /** What the service calls it. */
  readonly provider: 'vault' | 'aws' | 'azure';
  /** What the service passes to `createPinResolver` in order to read them. */
  readonly options: CreatePinResolverOptions;
  /** Writes the rows, as whoever may write them does. Resolves with what the store calls this version. */
  write(rows: Rows): Promise<string>;
  /** Ends it without a word to its clients. Resolves with how that was done. */
  die(): Promise<string>;
  /** Ends it, where it still runs, and removes what it left. */
  close(): Promise<void>;
}
