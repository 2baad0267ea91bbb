import type { ClientRequest } from 'node:http';
import type { RequestOptions } from 'node:https';
import { Duplex } from 'node:stream';
import type { PinSource } from '@pinvault/core';
import { drop } from './connections.js';
import { intercept } from './intercept.js';
import { type OnSocket, PinnedAgent } from './pinned-agent.js';
import { type PinnedProxyAgentOptions, type ProxySettings, readProxyOptions } from './proxy-options.js';
import { digTunnel, type ProxyWatch } from './tunnel.js';

/** What Node keeps of its sockets; `sockets` is public and read-only by its types. */
interface SocketCounts {
  readonly sockets: Record<string, Duplex[] | undefined>;
  totalSocketCount: number;
}

/** Where a request's tunnel ended: the connection to the proxy, or why there is none. */
const tunnelled = Symbol('tunnel');
/** The request was destroyed meanwhile. */
interface Abandoned {
  readonly reason: Error | undefined;
}

interface TunnelledOptions extends RequestOptions {
  [tunnelled]?: Duplex | Error | Abandoned;
}

/**
 * A `PinnedAgent` that reaches its targets through an HTTP or HTTPS proxy (CONNECT). The target is pinned as without a
 * proxy, in the handshake inside the tunnel, and again at every rotation; the proxy sees a name, a port and ciphertext.
 * An `https://` proxy can be pinned as well, on its own account: `proxyPins`. A tunnel through a proxy whose pin was
 * removed takes no further request: it ends at once, or with the response that it is in, or after `drainTimeoutMs`.
 *
 * @example
 * const agent = new PinnedProxyAgent(pins, { proxy: 'http://proxy.example.com:3128' });
 * https.get('https://api.example.com/', { agent });
 */
export class PinnedProxyAgent extends PinnedAgent {
  readonly #settings: ProxySettings;
  // The connections to targets, by their tunnels; those in their handshake are not among them.
  readonly #inTunnels = new WeakMap<Duplex, Duplex>();
  // Connections whose proxy is not accepted any more.
  readonly #drained = new WeakSet<Duplex>();
  readonly #watch: ProxyWatch;

  /** @throws TypeError (`ERR_INVALID_OPTION`) for an option that would open a hole, or leave the target unpinned */
  constructor(pins: PinSource, options: PinnedProxyAgentOptions) {
    const { settings, agentOptions } = readProxyOptions(options);
    super(pins, agentOptions);
    this.#settings = settings;
    this.#watch = {
      graceMs: options.drainTimeoutMs ?? 30_000,
      onDrain: (tunnel, reason) => this.#drain(tunnel, reason),
    };
    // Before Node's listener, which would hand the connection to the next request.
    if (settings.proxyPins !== undefined)
      this.prependListener('free', (socket: Duplex) => {
        if (this.#drained.has(socket)) socket.destroy();
      });
  }

  #drain(tunnel: Duplex, reason: Error): void {
    const socket = this.#inTunnels.get(tunnel);
    // No request has gone through it yet.
    if (socket === undefined) tunnel.destroy(reason);
    else if (Object.values(this.freeSockets).some((free) => free?.some((idle) => idle === socket)))
      drop(socket);
    else this.#drained.add(socket);
  }

  /**
   * Node's entry for each connection.
   * @internal
   */
  override createSocket(request: ClientRequest, options: RequestOptions, onSocket: OnSocket): void {
    const dialled = { ...options, ...(this.options as RequestOptions) };
    const host = dialled.host ?? 'localhost';
    const port = Number(dialled.port ?? 443);
    const goOn = (tunnel?: TunnelledOptions[typeof tunnelled]): void =>
      super.createSocket(request, { ...options, [tunnelled]: tunnel } as RequestOptions, onSocket);
    let proxy: URL | undefined;
    try {
      proxy = this.#settings.proxyOf({ host, port });
    } catch (error) {
      goOn(error as Error);
      return;
    }
    if (proxy === undefined) {
      goOn();
      return;
    }
    const abort = new AbortController();
    const release = this.#takePlace(this.getName(dialled), () =>
      abort.abort(new Error('the agent was destroyed')),
    );
    let reason: Error | undefined;
    // Node ends a request that has no connection yet when it gets one.
    const takeBack = intercept(request, 'destroy', (original) => (error) => {
      const result = original(error);
      if (error instanceof Error) reason = error;
      abort.abort(new Error('the request was destroyed'));
      return result;
    });
    const finish = (tunnel: Duplex | Error): void => {
      takeBack();
      release();
      goOn(tunnel instanceof Error && request.destroyed ? { reason } : tunnel);
    };
    if (request.destroyed) abort.abort(new Error('the request was destroyed'));
    digTunnel(proxy, host, port, this.#settings, this.#watch, abort.signal).then(finish, finish);
  }

  /** A tunnel counts as the connection that it will be, so that `maxSockets` holds. */
  #takePlace(name: string, onDestroy: () => void): () => void {
    const counts = this as unknown as SocketCounts;
    const place = new Duplex({ destroy: (error, callback) => (onDestroy(), callback(error)) });
    (counts.sockets[name] ??= []).push(place);
    counts.totalSocketCount += 1;
    return () => {
      const sockets = counts.sockets[name];
      const index = sockets?.indexOf(place) ?? -1;
      if (sockets === undefined || index === -1) return;
      sockets.splice(index, 1);
      counts.totalSocketCount -= 1;
    };
  }

  /** Opens a connection inside the tunnel, or the one that fails for the reason why there is none. */
  override createConnection(
    options: RequestOptions,
    onConnection?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const { [tunnelled]: tunnel, ...rest } = options as TunnelledOptions;
    // Not by the callback: that would leave a queued request at the head of its queue.
    if (tunnel instanceof Error) return new BrokenTunnel(tunnel);
    if (tunnel === undefined) return super.createConnection(rest, onConnection);
    if (!(tunnel instanceof Duplex)) return abandonedSocket(tunnel);
    const socket = super.createConnection({ ...rest, socket: tunnel } as RequestOptions, onConnection);
    // In the end of its proxy lies the reason of its own.
    tunnel.once('error', (reason) => socket?.destroy(reason));
    socket?.once('secureConnect', () => this.#inTunnels.set(tunnel, socket));
    return socket;
  }
}

/** Destroyed from the first: Node would give a connection that is yet to fail to the next request. */
function abandonedSocket({ reason }: Abandoned): Duplex {
  // The request tells of the reason.
  return new Duplex().on('error', () => undefined).destroy(reason);
}

/** Takes the place of a connection that could not be had, and says why as soon as somebody listens. */
class BrokenTunnel extends Duplex {
  constructor(reason: Error) {
    super();
    process.nextTick(() => process.nextTick(() => this.destroy(reason)));
  }

  override _write(_chunk: unknown, _encoding: string, callback: () => void): void {
    callback();
  }

  override _read(): void {
    // There is nothing to read.
  }

  // What a request and its agent ask of a socket.
  setTimeout(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}
