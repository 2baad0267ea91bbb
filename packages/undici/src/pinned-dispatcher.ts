import { invalidOption, isPinSource, type PinSource } from '@pinvault/core';
import * as undici from 'undici';
import { endUnbegun } from './guarded-handler.js';
import { type Origin, Origins, whyInsecure } from './origin.js';
import { PinnedConnections } from './pinned-connections.js';
import { type PinnedDispatcherOptions, readDispatcherOptions } from './pinned-dispatcher-options.js';
import { createTransport } from './transport.js';

type Options = undici.Dispatcher.DispatchOptions;
type Handler = undici.Dispatcher.DispatchHandler;

/** Since undici 8: takes the handlers of a built-in fetch that is older. */
const { Dispatcher1Wrapper } = undici as {
  Dispatcher1Wrapper?: new (dispatcher: undici.Dispatcher) => undici.Dispatcher;
};

const passedOn = ['connect', 'disconnect', 'connectionError', 'drain'] as const;

/**
 * A dispatcher of undici whose every connection matches the pins in force: when it is opened, whenever a request is about
 * to use it, and at every rotation. HTTP/1.1 and HTTP/2, with a pool for each origin, through a proxy or not.
 *
 * After a rotation idle connections that no longer match are destroyed at once, busy ones finish their responses within
 * `drainTimeoutMs` (a key under `$revoked` gets no time), requests that wait handshake anew, and connections that still
 * match stay warm. A TLS session is resumed only while the pins in force accept the certificates under which it was
 * earned. The host that is dialled governs, not a `Host` header. Plain `http:` is refused (`ERR_PIN_INSECURE_SCHEME`)
 * unless the host's row says `none`. One dispatcher per process, kept.
 *
 * @example
 * const dispatcher = new PinnedDispatcher(pins);
 * await request('https://api.example.com/', { dispatcher });
 */
export class PinnedDispatcher extends undici.Dispatcher {
  readonly #pins: PinSource;
  readonly #origins: Origins;
  readonly #transport: undici.Dispatcher;
  readonly #forOlderHandlers: undici.Dispatcher | undefined;
  // Requests whose pins are being loaded, or confirmed.
  readonly #held = new Set<Promise<void>>();
  readonly #proofs = new WeakMap<AbortSignal, PinnedDispatcher>();
  readonly #options: PinnedDispatcherOptions;
  #isClosed = false;

  /** @throws TypeError (`ERR_INVALID_OPTION`) for an option that would open a hole */
  constructor(pins: PinSource, options: PinnedDispatcherOptions = {}) {
    if (!isPinSource(pins))
      throw invalidOption('pins', 'is no resolver: pass what createPinResolver() resolved with');
    const settings = readDispatcherOptions(options);
    super();
    this.#pins = pins;
    this.#options = { ...options };
    this.#origins = new Origins(settings.servername);
    const { tls, drainTimeoutMs, maxCachedSessions } = settings;
    this.#transport = createTransport(settings, {
      connections: new PinnedConnections({
        pins,
        origins: this.#origins,
        tls,
        drainTimeoutMs,
        maxCachedSessions,
      }),
      offersH2: Dispatcher1Wrapper !== undefined,
      again: (request, handler) => this.#dispatch(request, handler),
    });
    this.#forOlderHandlers = Dispatcher1Wrapper && new Dispatcher1Wrapper(this.#transport);
    for (const name of passedOn) {
      this.#transport.on(name as 'connect', (origin, targets, ...rest: unknown[]) => {
        if (this.listenerCount(name) === 0) return;
        (this.emit as (...parameters: unknown[]) => boolean)(name, origin, [this, ...targets], ...rest);
      });
    }
  }

  /** undici's entry for each request. */
  override dispatch(options: Options, handler: Handler): boolean {
    const { proof } = this.#pins;
    return (proof === undefined ? this : this.#for(proof)).#dispatch(options, handler);
  }

  /** What a proof asks for goes over connections of its own, which end with it: none is shared with a wrong pin. */
  #for(proof: AbortSignal): PinnedDispatcher {
    const { closed, destroyed } = this.#transport as { closed?: boolean; destroyed?: boolean };
    if (this.#isClosed || closed === true || destroyed === true) return this;
    const known = this.#proofs.get(proof);
    if (known !== undefined) return known;
    const own = new PinnedDispatcher(this.#pins, this.#options);
    this.#proofs.set(proof, own);
    proof.addEventListener('abort', () => void own.close(), { once: true });
    return own;
  }

  #dispatch(options: Options, handler: Handler): boolean {
    if (this.#isClosed && this.#held.size > 0) {
      endUnbegun(handler, new undici.errors.ClientClosedError());
      return false;
    }
    const origin = this.#origins.read(options.origin);
    // undici's own complaint about it.
    if (origin === undefined) return this.#goOn(options, handler);
    const waiting = this.#pins.prepare?.(origin.target);
    if (waiting !== undefined) {
      this.#hold(waiting, origin, options, handler);
      return true;
    }
    return this.#admit(origin, options, handler);
  }

  /** Whether it is these pins that count here. */
  isPinnedBy(pins: PinSource): boolean {
    return pins === this.#pins;
  }

  /** For a built-in WebSocket. */
  get webSocketOptions(): unknown {
    return (this.#transport as { webSocketOptions?: unknown }).webSocketOptions;
  }

  /** For a built-in EventSource. */
  get eventSourceOptions(): unknown {
    return (this.#transport as { eventSourceOptions?: unknown }).eventSourceOptions;
  }

  /** Lets every request finish, those that wait for their pins too, and takes no more. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    this.#isClosed = true;
    const closed = Promise.allSettled(this.#held).then(() => this.#transport.close());
    if (callback === undefined) return closed;
    void closed.then(callback);
  }

  /** Ends every request and connection. */
  override destroy(error?: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> | void {
    const [reason, onDestroyed] = typeof error === 'function' ? [null, error] : [error ?? null, callback];
    const destroyed = this.#transport.destroy(reason);
    if (onDestroyed === undefined) return destroyed;
    void destroyed.then(onDestroyed);
  }

  #admit(origin: Origin, options: Options, handler: Handler): boolean {
    const refusal = origin.isSecure ? undefined : whyInsecure(this.#pins, origin.target);
    if (refusal === undefined) return this.#goOn(options, handler);
    endUnbegun(handler, refusal);
    return false;
  }

  #goOn(options: Options, handler: Handler): boolean {
    const isOlder = typeof handler.onRequestStart !== 'function';
    return ((isOlder ? this.#forOlderHandlers : undefined) ?? this.#transport).dispatch(options, handler);
  }

  /** Nothing is dialled and nothing is sent until the pins are there. */
  #hold(waiting: Promise<void>, origin: Origin, options: Options, handler: Handler): void {
    const held = waiting.then(
      () => void this.#admit(origin, options, handler),
      (error: unknown) => endUnbegun(handler, error instanceof Error ? error : new Error(String(error))),
    );
    this.#held.add(held);
    void held.finally(() => this.#held.delete(held));
  }
}
