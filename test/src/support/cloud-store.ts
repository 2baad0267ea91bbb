import type { CreatePinResolverOptions, Environment } from 'pinvault';

/** Rows of the document. */
export type Rows = Readonly<Record<string, string>>;

/** Something that happens to a store, and is mended again. */
export interface Mishap {
  /** What the store does, as the title of a test. */
  readonly what: string;
  /** What the service has to tell of it. */
  readonly code: string;
  readonly strike: () => Promise<unknown> | void;
  readonly mend: () => Promise<unknown> | void;
}

/** A store of one cloud with one secret in it, and what an operator, or fate, does to it. */
export interface CloudStore {
  readonly provider: string;
  /** What a service passes in code. */
  readonly options: CreatePinResolverOptions;
  /** What a service has in its environment. */
  readonly environment: Environment;
  readonly mishaps: readonly Mishap[];
  /** Ways to have no document, each with the `detail` of `ERR_PROVIDER_NOT_FOUND`. */
  readonly absences: readonly { readonly detail: string; readonly strike: () => Promise<void> }[];
  /** Writes a new version, and returns its revision. */
  publish(rows: Rows): Promise<string>;
  /** Nothing listens any more, and open connections are gone. */
  goAway(): Promise<void>;
  /** Takes `goAway` back, with all secrets. */
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}
