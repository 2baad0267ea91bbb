/** What a provider is asked for. */
export interface PinReadRequest {
  /** The host, where the provider keeps one document per host. */
  readonly host?: string;
  /** The revision that the resolver holds: a provider that can tell cheaply may answer `unchanged`. */
  readonly knownRevision?: string;
  /** Aborted when the read took too long or the resolver was closed. */
  readonly signal: AbortSignal;
}

/** What a provider answers. */
export type PinReadResult =
  | {
      /** The document as the store holds it: text, bytes (UTF-8) or an object that the store's API already parsed. */
      readonly document: string | Uint8Array | object;
      /** The store's own label for this content. Opaque: it is shown and compared, never ordered. */
      readonly revision: string;
      readonly createdAt?: Date;
      /** What people have written beside the document in the store, to be shown: a ticket, an owner. Decides nothing. */
      readonly notes?: Readonly<Record<string, string>>;
    }
  | { readonly unchanged: true; readonly revision: string };

/**
 * How a provider notices that a document has changed: the store tells (`events`), or the reads at the interval find out
 * (`polling`), which go on in either case.
 */
export interface ProviderUpdates {
  readonly by: 'events' | 'polling';
  /** Why the store does not tell. */
  readonly reason?: string;
}

/**
 * Fetches one document from one store; holds no state of pins.
 *
 * A caller may assume that a read ends when its signal aborts. A provider owes: one attempt, or very few (the resolver
 * owns time); a `PinProviderError` whose code keeps not found, denied, throttled, timed out and unavailable apart;
 * and no token, secret or request content in any error. An error never means "no pins".
 */
export interface PinProvider {
  /** Short and stable, such as `vault`: it appears in events, errors and `status()`. */
  readonly name: string;
  /** `document` (default): one document for all hosts. `host`: one per host. */
  readonly scope?: 'document' | 'host';
  /** Where the document lies, for people: `secret/tls-pins`. Never with credentials in it. */
  readonly location?: string;
  /** How often to read, in milliseconds, where the caller does not say. */
  readonly defaultRefreshIntervalMs?: number;
  /** Reads the document once. */
  read(request: PinReadRequest): Promise<PinReadResult>;
  /**
   * Calls `onChange` when the document may have changed, until `signal` aborts; for stores that can tell. Never instead
   * of the reads at the interval, never throws, and holds no process open. The resolver calls it once, when it has started.
   * Where each host has a document, `host` says whose it was; without it all that are in use are read.
   */
  watch?(
    onChange: (revision?: string, host?: string) => void,
    options: { readonly signal: AbortSignal },
  ): void;
  /** How changes are noticed now, for `status()`. Plain data without secrets; never throws. */
  updates?(): ProviderUpdates | undefined;
  /**
   * A person asks for a read now (`refresh()`), right before it: what the provider waits for after failures of its own, such
   * as a log-in, is over. Never throws.
   */
  retry?(): void;
  /** Releases what the provider holds. Idempotent. */
  close?(): Promise<void>;
}
