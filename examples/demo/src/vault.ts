/** The vault of the demo, with KV version 2 at `secret/`. */
export interface DemoVault {
  /** What it is, for the reader: `OpenBao 2.7.1`. */
  readonly name: string;
  readonly address: string;
  readonly token: string;
  /** Ends it without a word to its clients. Resolves with how that was done. */
  die(): Promise<string>;
  /** Ends it, where it still runs, and removes what it left. */
  close(): Promise<void>;
}
