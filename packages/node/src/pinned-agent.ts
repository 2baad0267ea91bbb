import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientRequest } from 'node:http';
import { Agent, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import {
  errorOf,
  evidenceOf,
  invalidOption,
  isPinSource,
  type NodeCertificate,
  type PinSource,
} from '@pinvault/core';
import { type Connection, isPending, whyStale, whyUnjudged } from './connection.js';
import { Connections, drop } from './connections.js';
import { type HandshakeWatch, holdForHandshake, holdRequest } from './held-request.js';
import { type PinnedAgentOptions, refuseUnsafe, safeAgentOptions } from './pinned-agent-options.js';
import { intercept } from './intercept.js';
import { http } from './node-http.js';
import { ProofPools } from './proof-pools.js';
import { fullHandshake, Resumption } from './resumption.js';
import { SecureContexts } from './secure-contexts.js';
import { serverName, targetOf } from './target.js';

type OnConnection = (error: Error | null, socket: Duplex) => void;

/** The parts of http.Agent that Node calls for requests; overridden by agents for ten years, but not documented. */
interface RequestTaker {
  addRequest(request: ClientRequest, options: RequestOptions): void;
  createSocket(request: ClientRequest, options: RequestOptions, onSocket: OnSocket): void;
}

/** How Node learns of a connection. */
export type OnSocket = (error: Error | null, socket?: Duplex) => void;

const nodeAgent = Agent.prototype as unknown as RequestTaker;

/** Rotations that one request may meet in handshakes of its own, before it fails like any other. */
const maxOvertaken = 3;

/** A request on its way to a connection. */
interface Admission {
  readonly request: ClientRequest;
  readonly options: RequestOptions;
  readonly servername: string;
  /** The connection that was refused, where this is a later attempt; a tunnel leaves none behind. */
  readonly refused?: { readonly socket: Duplex | undefined };
  /** Whether pins that a refresh has brought were the reason for one: that happens once. */
  readonly isRechecked?: boolean;
  /** How often pins that came during the handshake were. */
  readonly overtakenCount?: number;
}

/**
 * An `https.Agent` whose every connection matches the pins in force: when it is opened, whenever it is taken from the
 * pool, and at every rotation.
 *
 * After a rotation idle connections that no longer match are destroyed at once, busy ones finish their response within
 * `drainTimeoutMs` (a key under `$revoked` gets no time), queued requests handshake anew, and connections that still
 * match stay warm. What ends by the clock is treated so within 30 seconds. TLS sessions are resumed while the pins in
 * force accept the certificates under which they were earned. One agent per process, kept.
 *
 * @example
 * const agent = new PinnedAgent(pins);
 * https.get('https://api.example.com/', { agent });
 */
export class PinnedAgent extends Agent {
  readonly #pins: PinSource;
  readonly #resumption: Resumption;
  readonly #connections: Connections;
  readonly #contexts = new SecureContexts();
  readonly #proofPools: ProofPools;
  // The asynchronous contexts of requests in the queue: Node dials for them in that of whoever has made room.
  readonly #queued = new WeakMap<ClientRequest, ReturnType<typeof AsyncLocalStorage.snapshot>>();
  // The request that Node is about to give a connection, until it is known which.
  #admitted: Admission | undefined;
  // The idle connection that Node has chosen for it, where that is not fit any more.
  #unfit: Duplex | undefined;
  // Refusals of a certificate that may not be the server's any more.
  readonly #overtaken = new WeakSet<Error>();
  // The pools of connections, by the options that Node keeps with each.
  readonly #poolNames = new WeakMap<object, string>();

  /** @throws TypeError (`ERR_INVALID_OPTION`) for an option that would open a hole */
  constructor(pins: PinSource, options: PinnedAgentOptions = {}) {
    if (!isPinSource(pins))
      throw invalidOption('pins', 'is no resolver: pass what createPinResolver() resolved with');
    const { agentOptions, drainTimeoutMs, maxSessions } = safeAgentOptions(options);
    super(agentOptions);
    // Node has read it, and would copy it for each request.
    delete this.options.maxCachedSessions;
    this.#pins = pins;
    this.#resumption = new Resumption(pins, maxSessions);
    this.#connections = new Connections({
      pins,
      resumption: this.#resumption,
      drainTimeoutMs,
      idle: () => this.#idle(),
    });
    this.#proofPools = new ProofPools(pins, drop);
    this.#listenBeforeNode();
  }

  /** Node's own listener would hand the socket to the next request: it finds it destroyed instead. */
  #listenBeforeNode(): void {
    const nodes = this.listeners('free');
    this.removeAllListeners('free');
    // In one listener: with a second, every response would cost Node a copy of the list.
    this.on('free', (socket: Duplex, options?: RequestOptions) => {
      this.#onFree(socket, options);
      for (const listener of nodes) Reflect.apply(listener, this, [socket, options]);
    });
  }

  /**
   * The name of the pool for these options. Node asks after each response for that of the connection, and puts it together
   * from some thirty options, certificates among them: more work than all checks of a request. It is remembered.
   */
  override getName(options?: RequestOptions): string {
    return (options && this.#poolNames.get(options)) ?? super.getName(options);
  }

  /**
   * Node's entry for each request.
   * @throws TypeError (`ERR_INVALID_OPTION`), out of `https.request()`, for a request option that would open a hole
   * @internal
   */
  addRequest(request: ClientRequest, options: RequestOptions): void {
    refuseUnsafe(options);
    // Else Node takes the name from the Host header: the pins of the host that is dialled are what counts.
    const servername = typeof options.servername === 'string' ? options.servername : serverName(options.host);
    const admission: Admission = {
      request,
      options: this.#proofPools.optionsFor(options, this),
      servername,
    };
    // One that was aborted before it began is Node's to end: no store is read for it.
    const waiting = request.destroyed ? undefined : this.#prepare(admission);
    if (waiting === undefined) this.#admit(admission);
    else holdRequest(request, waiting, () => this.#admit(admission));
  }

  #prepare({ options: { host, port }, servername }: Admission): Promise<void> | undefined {
    return this.#pins.prepare?.(targetOf({ servername, host, port }, this.options));
  }

  /** Has Node choose a connection. One from the pool is judged when it is taken; any other when its handshake is over. */
  #admit(admission: Admission): void {
    this.#admitted = admission;
    try {
      this.#giveToNode(admission);
      // In the queue: `reuseSocket` and `createConnection` have not been asked.
      if (this.#admitted !== undefined) {
        this.#holdForHandshake(admission);
        this.#queued.set(admission.request, AsyncLocalStorage.snapshot());
      }
    } finally {
      this.#admitted = undefined;
    }
    const unfit = this.#unfit;
    if (unfit === undefined) return;
    this.#unfit = undefined;
    drop(unfit);
    this.#admit(admission);
  }

  #giveToNode({ request, options, servername }: Admission): void {
    const { servername: before } = options;
    if (before === servername) nodeAgent.addRequest.call(this, request, options);
    else if (!Object.isExtensible(options))
      nodeAgent.addRequest.call(this, request, { ...options, servername });
    else {
      // Node copies the options within the call. A copy of our own would cost more than all checks of a request.
      options.servername = servername;
      try {
        nodeAgent.addRequest.call(this, request, options);
      } finally {
        options.servername = before;
      }
    }
  }

  /** No idle connection fits: the one that the request will get is judged before the request's bytes go to it. */
  #holdForHandshake(admission: Admission): void {
    const { request, options, refused, isRechecked = false, overtakenCount = 0 } = admission;
    const connectionOf = (socket: Duplex): Connection | undefined => this.#connections.of(socket);
    const isOvertaken = (error: Error): boolean =>
      this.#overtaken.has(error) && overtakenCount < maxOvertaken;
    const watch: HandshakeWatch = {
      isPending: (socket) => !socket.closed && isPending(connectionOf(socket)),
      whyUnjudged: (socket) => whyUnjudged(connectionOf(socket)),
      secondChance: (error) => {
        // The pins have changed within the handshake: what the server shows now has not been asked yet.
        if (this.#resumption.wasInVain(error) || isOvertaken(error)) return Promise.resolve(true);
        return isRechecked ? undefined : this.#pins.recheck?.(error);
      },
      again: (socket, error) => {
        const next = { ...admission, refused: { socket } };
        if (this.#resumption.wasInVain(error)) this.#admit({ ...next, options: withFullHandshake(options) });
        else if (isOvertaken(error)) this.#admit({ ...next, overtakenCount: overtakenCount + 1 });
        else this.#admit({ ...next, isRechecked: true });
      },
    };
    holdForHandshake(request, watch, refused?.socket);
  }

  /** Called by Node with the connection that it has taken from the pool: it may have become stale there. */
  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    const admission = this.#admitted;
    this.#admitted = undefined;
    const connection = this.#connections.of(socket);
    const reason = connection === undefined ? undefined : whyStale(this.#pins, connection);
    if (reason === undefined) {
      super.reuseSocket(socket, request);
    } else if (admission?.request === request) {
      this.#unfit = socket;
      // Node goes on to hand it over; the request gets another when that is done.
      const takeBack = intercept(request, 'onSocket', () => () => takeBack());
    } else {
      socket.destroy(reason);
    }
  }

  /**
   * Node's entry for each connection.
   * @internal
   */
  createSocket(request: ClientRequest, options: RequestOptions, onSocket: OnSocket): void {
    const inContext = this.#queued.get(request);
    const make = (): void => nodeAgent.createSocket.call(this, request, options, onSocket);
    if (inContext === undefined) {
      make();
      return;
    }
    this.#queued.delete(request);
    inContext(make);
  }

  /** Opens a connection that is judged in its handshake. */
  override createConnection(options: RequestOptions, onConnection?: OnConnection): Duplex | null | undefined {
    if (this.#admitted !== undefined) this.#holdForHandshake(this.#admitted);
    this.#admitted = undefined;
    // As of the dial: a list of CAs that is changed in place later is not what this connection was judged by. Options without
    // Node's own mark are a caller's, who may use them again.
    if (Object.hasOwn(options, '_agentKey')) this.#rememberName(options);
    const target = targetOf(options);
    const connection: Connection = { target, ...this.#resumption.offerFor(target, options) };
    const pins = this.#pins;
    const overtaken = this.#overtaken;
    const pinned: ConnectionOptions = {
      ...(options as ConnectionOptions),
      // Explicit, also against NODE_TLS_REJECT_UNAUTHORIZED=0.
      rejectUnauthorized: true,
      session: connection.offered?.session,
      secureContext: this.#contexts.of(options as ConnectionOptions),
      // Untyped in https, where TLS options pass through all the same: no certificate, no check.
      pskCallback: undefined,
      checkServerIdentity(this: unknown, _host: string, certificate: NodeCertificate) {
        try {
          connection.evidence = evidenceOf(pins.verify(target, certificate), target.host);
          return undefined;
        } catch (thrown) {
          const error = errorOf(thrown, target.host);
          if (connection.isOvertaken === true) overtaken.add(error);
          return error;
        }
      },
    };
    const socket = super.createConnection(pinned, (error, connected) => {
      // A tunnel through a proxy is handed over here, after its handshake, and not returned.
      this.#connections.track(connection, connected);
      this.#proofPools.track(connected, options);
      const hasFailed = error !== null && error !== undefined;
      // Now: the next request may be dialled before the tunnel is closed.
      if (hasFailed) this.#resumption.ended(connection, true);
      const reason = hasFailed ? error : this.#takeOver(connection, connected);
      onConnection?.(reason ?? null, connected);
    });
    if (socket !== null && socket !== undefined) {
      this.#resumption.collectFrom(connection, socket);
      // First of all listeners: nobody is told of a connection that is refused.
      socket.once('secureConnect', () => {
        const reason = this.#resumption.settle(connection, socket);
        if (reason !== undefined) socket.destroy(reason);
      });
    }
    this.#connections.track(connection, socket);
    this.#proofPools.track(socket, options);
    return socket;
  }

  /** @returns why the tunnel is refused */
  #takeOver(connection: Connection, tunnel: Duplex): Error | undefined {
    const reason = this.#resumption.settle(connection, tunnel) ?? whyUnjudged(connection);
    // The callback tells why; nobody listens to the tunnel itself yet.
    if (reason !== undefined) tunnel.destroy();
    else this.#resumption.collectFromTunnel(connection, tunnel);
    return reason;
  }

  /** Ends every connection, and forgets every session. */
  override destroy(): void {
    this.#resumption.clear();
    super.destroy();
  }

  /** A response has ended, or a new connection is handed to a queued request: the latter has no evidence yet. */
  #onFree(socket: Duplex, options: RequestOptions | undefined): void {
    const connection = this.#connections.of(socket);
    if (connection === undefined) return;
    if (options !== undefined) this.#rememberName(options);
    // Into the pool: judged when it is taken from there. To a request that waits: judged now.
    const isOver = connection.drainTimer !== undefined || this.#proofPools.isOver(socket);
    if (isOver || (this.#hasQueue() && whyStale(this.#pins, connection) !== undefined)) socket.destroy();
  }

  #rememberName(options: RequestOptions): void {
    if (!this.#poolNames.has(options)) this.#poolNames.set(options, super.getName(options));
  }

  #idle(): Duplex[] {
    return Object.values(this.freeSockets).flatMap((sockets) => sockets ?? []);
  }

  #hasQueue(): boolean {
    for (const name in this.requests) if (this.requests[name] !== undefined) return true;
    return false;
  }
}

function withFullHandshake(options: RequestOptions): RequestOptions {
  return { ...options, [fullHandshake]: true } as RequestOptions;
}

// The agent relies on what http.Agent does with 'free' sockets; a Node without these would leave it blind, and tunnels
// would not be dug.
const { addRequest, createSocket } = http.Agent.prototype as Partial<RequestTaker>;
if (typeof addRequest !== 'function' || typeof createSocket !== 'function') {
  throw new Error('@pinvault/node does not know the http.Agent of this version of Node');
}
