import type { PinProvider } from '@pinvault/core';

/** Rows of a document, as an operator would write them. */
export type Rows = Readonly<Record<string, string>>;

/**
 * A store, fresh for one check, and what may happen to it. Nothing is published when it starts.
 *
 * Each optional member is a {@link Capability}: a harness offers it, or says in {@link ProviderHarness.cannot} why not.
 */
export interface ProviderBackend {
  /** A new provider of this store. One check may make several; the suite closes them. */
  create(): PinProvider | Promise<PinProvider>;
  /** Writes the document as an operator does; it is the newest version afterwards, also after `remove` and `disable`. */
  publish(rows: Rows): void | Promise<void>;
  /** Ends the store. Called after each check, whatever came of it. */
  stop(): void | Promise<void>;

  /** The credentials that the provider shows to the store. Long enough to be found: they may be in no error. */
  readonly secrets?: readonly string[];
  /** Requests that have reached the store. */
  requests?(): number;
  /** Connections to the store that are open now. */
  connections?(): number;
  /** A new provider that gives a read this long, in milliseconds. */
  createWithTimeout?(timeoutMs: number): PinProvider | Promise<PinProvider>;

  /** Writes a text in the document's place, whatever it is. */
  publishText?(text: string): void | Promise<void>;
  /** Writes bytes in the document's place. */
  publishBytes?(bytes: Uint8Array): void | Promise<void>;

  /** Deletes the secret as an operator does. */
  remove?(): void | Promise<void>;
  /** Switches the newest version off (disabled, destroyed, not valid yet, or no longer). */
  disable?(): void | Promise<void>;
  /** From now on the credentials may not read the secret. */
  deny?(): void | Promise<void>;
  /** From now on the store asks for fewer reads. Resolves with the milliseconds that it asks to wait, where it says so. */
  throttle?(): number | undefined | void | Promise<number | undefined | void>;
  /** From now on nothing listens where the store was, and open connections are gone. */
  goOffline?(): void | Promise<void>;
  /** From now on each request meets the store's own error (a status of 500 or above). */
  fail?(): void | Promise<void>;
  /** From now on something else answers in the store's place: success, with a page that is no answer of the store. */
  answerGarbage?(): void | Promise<void>;
  /** From now on each request is refused with an answer that repeats all that was sent, headers included. */
  echo?(): void | Promise<void>;
  /** From now on requests wait; those that still wait when `restore` is called are answered then. */
  hang?(): void | Promise<void>;
  /** Takes back what `deny`, `throttle`, `goOffline`, `fail`, `answerGarbage`, `echo` and `hang` did. */
  restore?(): void | Promise<void>;

  /** The credentials end: the store accepts them no more, and the provider finds no others. */
  expireCredentials?(): void | Promise<void>;
  /** New credentials lie where the provider finds them. */
  renewCredentials?(): void | Promise<void>;

  /** A new provider that keeps one secret per host. */
  createPerHost?(): PinProvider | Promise<PinProvider>;
  /** Writes the secret of one host. */
  publishFor?(host: string, rows: Rows): void | Promise<void>;
}

/**
 * What a harness may lack, each with its reason. `close`: the provider holds nothing that could be closed. `absence`: a
 * document is always there.
 */
export type Capability =
  | Exclude<
      keyof ProviderBackend,
      'create' | 'publish' | 'stop' | 'restore' | 'renewCredentials' | 'publishFor'
    >
  | 'close'
  | 'absence';

/** Every capability, in the order of {@link ProviderBackend}. */
export const capabilities: readonly Capability[] = Object.freeze([
  'secrets',
  'requests',
  'connections',
  'createWithTimeout',
  'publishText',
  'publishBytes',
  'remove',
  'disable',
  'deny',
  'throttle',
  'goOffline',
  'fail',
  'answerGarbage',
  'echo',
  'hang',
  'expireCredentials',
  'createPerHost',
  'close',
  'absence',
]);

/** How a store and its provider are made for the suite. */
export interface ProviderHarness {
  /** Starts a store of its own for one check. */
  start(): ProviderBackend | Promise<ProviderBackend>;
  /**
   * Why a capability is not offered: what the store or the provider has not. Its checks are pending, with this text;
   * a capability that is neither offered nor explained fails.
   */
  readonly cannot?: Readonly<Partial<Record<Capability, string>>> | undefined;
  /** What has to end by itself fails after so many milliseconds. @defaultValue 5 000 */
  readonly limitMs?: number | undefined;
}
