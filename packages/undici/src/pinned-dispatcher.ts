import { invalidOption, isPinSource, type PinSource } from '@pinvault/core';
import * as undici from 'undici';
import { endUnbegun } from './guarded-handler.js';
import { watchBody } from './held-body.js';
import { type Origin, Origins, whyInsecure } from './origin.js';
import type { ClientContext } from './pinned-client.js';
import { PinnedConnections } from './pinned-connections.js';
import { type PinnedDispatcherOptions, readDispatcherOptions } from './pinned-dispatcher-options.js';
import { createTransport } from './transport.js';
import { pinnedProxyOf } from './tunnel.js';

type Options = undici.Dispatcher.DispatchOptions;
type Handler = undici.Dispatcher.DispatchHandler;

/** Since undici 8: takes the handlers of a built-in fetch that is older. */
const { Dispatcher1Wrapper } = undici as {
  Dispatcher1Wrapper?: new (dispatcher: undici.Dispatcher) => undici.Dispatcher;
};

/** undici's own dispatcher, and the same for older handlers. */
interface Transport {
  readonly dispatcher: undici.Dispatcher;
  readonly forOlderHandlers: undici.Dispatcher;
}

const passedOn = ['connect', 'disconnect', 'connectionError', 'drain'] as const;

/**
 * A dispatcher of undici whose every connection matches the pins in force: when it is opened, whenever a request is about
 * to use it, and at every rotation. HTTP/1.1 and HTTP/2, with a pool for each origin, through a proxy or not.
 *
 * After a rotation idle connections that no longer match are destroyed at once, busy ones finish their responses within
 * `drainTimeoutMs` (a key under `$revoked` gets no time), requests that wait handshake anew, and connections that still
 * match stay warm. What ends by the clock is treated so within 30 seconds. A TLS session is resumed only while the pins
 * in force accept the certificates under which it was earned. The host that is dialled governs, not a `Host` header.
 * Plain `http:` is refused (`ERR_PIN_INSECURE_SCHEME`) unless the host's row says `none`. One dispatcher per process, kept.
 *
 * @example
 * const dispatcher = new PinnedDispatcher(pins);
 * await request('https://api.example.com/', { dispatcher });
 */
export class PinnedDispatcher extends undici.Dispatcher {
  readonly #pins: PinSource;
  readonly #origins: Origins;
  readonly #open: () => Transport;
  #transport: Transport;
  // Closed: what has to change its connection from then on finds it in another one.
  readonly #closed: Transport[] = [];
  // Requests whose pins are being loaded, or confirmed, and those that change their connection.
  readonly #held = new Set<Promise<void>>();
  readonly #proofs = new WeakMap<AbortSignal, PinnedDispatcher>();
  readonly #options: PinnedDispatcherOptions;
  #closing: Promise<void> | undefined;
  #isOver = false;

  /** @throws TypeError (`ERR_INVALID_OPTION`) for an option that would open a hole, and where undici is older than 7 */
  constructor(pins: PinSource, options: PinnedDispatcherOptions = {}) {
    // undici does not say its version; these came with 7.
    if (!('cacheStores' in undici))
      throw invalidOption('undici', 'is older than what this package knows: install 7.30 or newer, or 8');
    if (!isPinSource(pins))
      throw invalidOption('pins', 'is no resolver: pass what createPinResolver() resolved with');
    const settings = readDispatcherOptions(options);
    super();
    this.#pins = pins;
    this.#options = { ...options };
    this.#origins = new Origins(settings.servername);
    const { tls, drainTimeoutMs, maxCachedSessions } = settings;
    const context: ClientContext = {
      connections: new PinnedConnections({
        pins,
        origins: this.#origins,
        tls,
        drainTimeoutMs,
        maxCachedSessions,
        proxy: pinnedProxyOf(settings.proxy),
      }),
      offersH2: Dispatcher1Wrapper !== undefined,
      again: (request, handler) => this.#moveOn(request, handler),
    };
    this.#open = () => {
      const dispatcher = createTransport(settings, context);
      for (const name of passedOn) this.#passOn(dispatcher, name);
      const forOlderHandlers =
        Dispatcher1Wrapper === undefined ? dispatcher : new Dispatcher1Wrapper(dispatcher);
      return { dispatcher, forOlderHandlers };
    };
    this.#transport = this.#open();
  }

  /** undici's entry for each request. */
  override dispatch(options: Options, handler: Handler): boolean {
    const { proof } = this.#pins;
    return (proof === undefined ? this : this.#for(proof)).#dispatch(options, handler);
  }

  /** What a proof asks for goes over connections of its own, which end with it: none is shared with a wrong pin. */
  #for(proof: AbortSignal): PinnedDispatcher {
    if (this.#closing !== undefined || this.#isOver) return this;
    const known = this.#proofs.get(proof);
    if (known !== undefined) return known;
    const own = new PinnedDispatcher(this.#pins, this.#options);
    this.#proofs.set(proof, own);
    proof.addEventListener('abort', () => void own.close(), { once: true });
    return own;
  }

  #dispatch(options: Options, handler: Handler): boolean {
    if (this.#closing !== undefined && !this.#isOver) {
      endUnbegun(handler, new undici.errors.ClientClosedError());
      return false;
    }
    return this.#begin(options, handler);
  }

  /** Whether it is these pins that count here. */
  isPinnedBy(pins: PinSource): boolean {
    return pins === this.#pins;
  }

  /** For a built-in WebSocket. */
  get webSocketOptions(): unknown {
    return (this.#transport.dispatcher as { webSocketOptions?: unknown }).webSocketOptions;
  }

  /** For a built-in EventSource. */
  get eventSourceOptions(): unknown {
    return (this.#transport.dispatcher as { eventSourceOptions?: unknown }).eventSourceOptions;
  }

  /** Lets every request finish, those that wait for their pins or for a new connection too, and takes no more. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    const closed = (this.#closing ??= this.#isOver ? this.#transport.dispatcher.close() : this.#finish());
    if (callback === undefined) return closed;
    void closed.then(() => callback(), callback);
  }

  /** Ends every request and connection. */
  override destroy(error?: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> | void {
    const [reason, onDestroyed] = typeof error === 'function' ? [null, error] : [error ?? null, callback];
    this.#isOver = true;
    const all = [...this.#closed, this.#transport];
    const destroyed = Promise.all(all.map(({ dispatcher }) => dispatcher.destroy(reason)));
    if (onDestroyed === undefined) return destroyed.then(() => undefined);
    void destroyed.then(onDestroyed);
  }

  #passOn(dispatcher: undici.Dispatcher, name: (typeof passedOn)[number]): void {
    dispatcher.on(name as 'connect', (origin, targets, ...rest: unknown[]) => {
      if (this.listenerCount(name) === 0) return;
      (this.emit as (...parameters: unknown[]) => boolean)(name, origin, [this, ...targets], ...rest);
    });
  }

  async #finish(): Promise<void> {
    while (this.#held.size > 0 || !this.#isClosed(this.#transport)) {
      await Promise.allSettled(this.#held);
      // Destroyed meanwhile.
      if (this.#isOver) return;
      if (this.#isClosed(this.#transport)) continue;
      this.#closed.push(this.#transport);
      await this.#transport.dispatcher.close();
    }
    this.#isOver = true;
  }

  #isClosed(transport: Transport): boolean {
    return this.#closed.includes(transport);
  }

  #begin(options: Options, handler: Handler): boolean {
    const origin = this.#origins.read(options.origin);
    // undici's own complaint about it.
    if (origin === undefined) return this.#goOn(options, handler);
    const waiting = this.#pins.prepare?.(origin.target);
    if (waiting !== undefined) {
      this.#hold(waiting, options, handler, () => this.#admit(origin, options, handler));
      return true;
    }
    return this.#admit(origin, options, handler);
  }

  #admit(origin: Origin, options: Options, handler: Handler): boolean {
    const refusal = origin.isSecure ? undefined : whyInsecure(this.#pins, origin.target);
    if (refusal === undefined) return this.#goOn(options, handler);
    endUnbegun(handler, refusal);
    return false;
  }

  #goOn(options: Options, handler: Handler): boolean {
    if (!this.#isOver && this.#isClosed(this.#transport)) this.#transport = this.#open();
    const { dispatcher, forOlderHandlers } = this.#transport;
    const isOlder = typeof handler.onRequestStart !== 'function';
    return (isOlder ? forOlderHandlers : dispatcher).dispatch(options, handler);
  }

  /** A turn later: whatever keeps a request from a connection that fits, the event loop lives on. */
  #moveOn(options: Options, handler: Handler): void {
    const turn = new Promise<void>((resolve) => setImmediate(resolve));
    this.#hold(turn, options, handler, () => this.#begin(options, handler));
  }

  /** Nothing is dialled and nothing is sent until then. */
  #hold(waiting: Promise<void>, options: Options, handler: Handler, goOn: () => void): void {
    const endWatch = watchBody(options.body);
    const held = waiting.then(
      () => {
        const failure = endWatch();
        if (failure === undefined) goOn();
        else endUnbegun(handler, failure);
      },
      (error: unknown) => {
        endWatch();
        endUnbegun(handler, error instanceof Error ? error : new Error(String(error)));
      },
    );
    this.#held.add(held);
    void held.finally(() => this.#held.delete(held));
  }
}
