import { Client, type Dispatcher } from 'undici';
import { endIdle, type Slot } from './connection.js';
import { endUnbegun, guardStart } from './guarded-handler.js';
import type { PinnedConnections } from './pinned-connections.js';
import type { Tunnel } from './tunnel.js';

/** What the clients of one dispatcher share. */
export interface ClientContext {
  readonly connections: PinnedConnections;
  /** Whether undici offers HTTP/2 unless it is told otherwise. */
  readonly offersH2: boolean;
  /** Brings a request on its way once more, from the beginning: a turn later, and also where no more are taken. */
  again(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
}

/**
 * One connection of a pool, as undici has it, and its pins: judged whenever a request is about to use it. A request
 * finds a connection that still matches, waits for a new handshake, or goes to another connection.
 */
export class PinnedClient extends Client {
  readonly #context: ClientContext;
  readonly #origin: URL;
  readonly #isSecure: boolean;
  readonly #slot: Slot;
  readonly #pipelines: boolean;
  readonly #mayMultiplex: boolean;
  readonly #onDrain = (): void => this.#endIfDrained();
  // A pool was told that this client takes no more requests until its 'drain'.
  #isRefusing = false;

  constructor(
    origin: string | URL,
    options: Client.Options,
    tunnel: Tunnel | undefined,
    context: ClientContext,
  ) {
    const slot: Slot = {
      connection: undefined,
      isIdle: () => this.stats.running === 0,
      endWhenIdle: () => {
        // Not from the beginning: a second listener would cost each request something.
        this.off('drain', this.#onDrain);
        this.once('drain', this.#onDrain);
      },
      takeAgain: () => this.#takeAgain(),
    };
    super(origin, {
      ...options,
      connect: (request, callback) =>
        context.connections.open(slot, request, tunnel, (...result) => callback(...result)),
    });
    this.#context = context;
    this.#origin = new URL(origin);
    this.#slot = slot;
    this.#isSecure = this.#origin.protocol === 'https:';
    this.#pipelines = this.#isSecure && (options.pipelining ?? 1) > 1;
    this.#mayMultiplex = this.#isSecure && (this.#pipelines || (options.allowH2 ?? context.offersH2));
    this.on('disconnect', () => this.#onDisconnect());
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    // One that has waited in the pool meanwhile.
    const refusal = this.#isSecure ? undefined : this.#whyInsecure();
    if (refusal !== undefined) {
      endUnbegun(handler, refusal);
      return true;
    }
    const { connection } = this.#slot;
    const reason =
      connection?.socket?.destroyed === false ? this.#context.connections.whyStale(connection) : undefined;
    if (connection !== undefined && reason !== undefined) {
      if (!this.#context.connections.look(connection)) {
        // Good for all but this request, which is a trial of a wrong pin.
        endUnbegun(handler, reason);
        return true;
      }
      if (!this.#slot.isIdle()) return this.#sendElsewhere(options, handler);
      // It has ended by the look, and the request waits in this client until a new one has been judged.
    }
    return super.dispatch(options, this.#mayWait() ? this.#guarded(options, handler) : handler);
  }

  #whyInsecure(): Error | undefined {
    const { hostname, port } = this.#origin;
    return this.#context.connections.whyInsecure(hostname, Number(port || 80));
  }

  /** Whether requests can wait in the client itself, behind others on the same connection. */
  #mayWait(): boolean {
    if (!this.#mayMultiplex || this.#pipelines) return this.#pipelines;
    const socket = this.#slot.connection?.socket;
    return socket === undefined || (socket as { alpnProtocol?: unknown }).alpnProtocol === 'h2';
  }

  /** The last look, right before the request's first byte: for one that has waited behind others. */
  #guarded(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): Dispatcher.DispatchHandler {
    return guardStart(handler, {
      mayStart: () => {
        const { connection } = this.#slot;
        return connection !== undefined && this.#context.connections.whyStale(connection) === undefined;
      },
      onRefused: () => this.#context.again(options, handler),
      onEnd: () => setImmediate(() => this.#endIfDrained()),
    });
  }

  /** To another connection of the pool, which asks this one no more until 'drain'. */
  #sendElsewhere(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): false {
    this.#isRefusing = true;
    this.#context.again(options, handler);
    return false;
  }

  /** The last response on a connection that no longer matches has ended. */
  #endIfDrained(): void {
    const { connection } = this.#slot;
    if (connection?.drainTimer !== undefined && this.#slot.isIdle()) endIdle(connection);
  }

  #onDisconnect(): void {
    // Also after an upgrade: the socket lives on, and is not the client's any more.
    this.#slot.connection = undefined;
    this.#takeAgain();
  }

  #takeAgain(): void {
    if (!this.#isRefusing) return;
    this.#isRefusing = false;
    // As undici's own: with the targets, which its types leave out.
    queueMicrotask(() => this.emit('drain' as 'connect', this.#origin, [this]));
  }
}
