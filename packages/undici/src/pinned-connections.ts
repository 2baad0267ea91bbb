import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { BoundSessions, endsAtOnce, errorOf, PinError, type PinEventListener } from '@pinvault/core';
import { buildConnector } from 'undici';
import { type Connection, endIdle, type Slot, whyStale } from './connection.js';
import { type ConnectRequest, type HandshakeSettings, type OnConnected, shakeHands } from './handshake.js';
import { type Origins, whyInsecure } from './origin.js';
import { dig, type PinnedProxy, proxyEvidenceOf, type Tunnel } from './tunnel.js';

/** What every connection of one dispatcher has in common. */
export interface ConnectionSettings extends Omit<HandshakeSettings, 'sessions'> {
  readonly origins: Origins;
  /** TLS sessions kept; 0 keeps none. */
  readonly maxCachedSessions: number;
  readonly drainTimeoutMs: number;
  /** The proxy of the tunnels, where it has pins of its own. */
  readonly proxy: PinnedProxy | undefined;
}

/** One call for a connection. */
interface Dial {
  readonly slot: Slot;
  readonly request: ConnectRequest;
  readonly tunnel: Tunnel | undefined;
  readonly onConnected: OnConnected;
}

/** What has happened to a dial so far. */
interface Attempt {
  /** Whether pins that a refresh has brought were the reason for it: that happens once. */
  readonly isRechecked: boolean;
  /** How often pins that came during the handshake were. */
  readonly overtakenCount: number;
}

/** Rotations that one dial may meet in handshakes of its own, before it fails like any other. */
const maxOvertaken = 3;

/** No rotation tells of what ends by the clock (`until=`, `maxStaleMs`, a certificate): it is looked for this often. */
const lookEveryMs = 30_000;

/**
 * What ends a connection for all is judged out of the context of whoever has asked, which may be a trial of a wrong pin. In
 * the module's, since that of a request would live as long as the dispatcher.
 */
const outside = AsyncLocalStorage.snapshot();

/**
 * Opens the connections of one dispatcher, each judged in its handshake, and knows them from the dial to the close: at a
 * rotation those that no longer match end, idle ones at once, busy ones within `drainTimeoutMs`.
 */
export class PinnedConnections {
  readonly #settings: ConnectionSettings;
  readonly #sessions: BoundSessions;
  readonly #connections = new Set<Connection>();
  readonly #onRotate: PinEventListener<'rotate'> = ({ host }) => this.#sweep(host);
  readonly #onProxyRotate = (): void => this.#lookAtAll(undefined);
  #clockTimer: NodeJS.Timeout | undefined;

  constructor(settings: ConnectionSettings) {
    const { pins, maxCachedSessions } = settings;
    this.#settings = settings;
    this.#sessions = new BoundSessions({
      judge: (evidence) => pins.judge(evidence),
      maxSessions: maxCachedSessions,
    });
  }

  /** Why the connection may not be used any more; `undefined` where it may. */
  whyStale(connection: Connection): Error | undefined {
    const { pins, proxy } = this.#settings;
    return whyStale(pins, proxy?.pins, connection);
  }

  /** Why nothing may go there without TLS; `undefined` where it may. */
  whyInsecure(hostname: string, port: number): Error | undefined {
    const { pins, origins } = this.#settings;
    return whyInsecure(pins, origins.targetOf(hostname, port));
  }

  /**
   * Opens a connection for a slot. It dials once more after a refusal that a refresh has cured, and where the pins have
   * changed within the handshake: no request is on its way yet, the client waits for its connection.
   */
  open(slot: Slot, request: ConnectRequest, tunnel: Tunnel | undefined, onConnected: OnConnected): void {
    if (request.protocol === 'https:')
      this.#dial({ slot, request, tunnel, onConnected }, { isRechecked: false, overtakenCount: 0 });
    else this.#openPlain(request, tunnel, onConnected);
  }

  /**
   * Judges a connection under the pins in force. One that no longer matches ends: at once where it is idle or its key is
   * revoked, otherwise with its last response, or after `drainTimeoutMs`.
   *
   * @returns whether it may not be used any more
   */
  look(connection: Connection): boolean {
    const { socket, slot } = connection;
    const reason = outside(() => this.whyStale(connection));
    if (reason === undefined) this.#endDrain(connection);
    else if (slot.connection === connection && slot.isIdle()) endIdle(connection);
    else if (endsAtOnce(reason)) socket?.destroy(reason);
    else if (connection.drainTimer === undefined) this.#drain(connection);
    return reason !== undefined;
  }

  #openPlain(request: ConnectRequest, tunnel: Tunnel | undefined, onConnected: OnConnected): void {
    const refusal = this.whyInsecure(request.hostname, Number(request.port || 80));
    if (refusal === undefined) (tunnel ?? buildConnector(this.#settings.tls))(request, onConnected);
    else onConnected(refusal, null);
  }

  #dial(dial: Dial, attempt: Attempt): void {
    const { slot, request, tunnel, onConnected } = dial;
    const { pins, origins, tls, proxy } = this.#settings;
    const settings = { pins, tls, sessions: this.#sessions };
    const port = Number(request.port || 443);
    const connection: Connection = { target: origins.targetOf(request.hostname, port), slot };
    const fail = (error: Error): void => {
      this.#forget(connection);
      this.#retry(dial, attempt, error, connection.isOvertaken === true);
    };
    const handshake = (httpSocket?: Socket): void => {
      shakeHands(
        settings,
        connection,
        httpSocket === undefined ? request : { ...request, httpSocket },
        (error, socket) => {
          if (error !== null) {
            fail(error);
            return;
          }
          const reason = this.whyStale(connection);
          if (reason === undefined) {
            this.#secured(connection, socket);
            onConnected(null, socket);
            return;
          }
          socket.destroy();
          // It was accepted before: by its handshake, or for the session that it resumed.
          if (connection.evidence !== undefined) connection.isOvertaken = true;
          fail(reason);
        },
      );
    };
    try {
      this.#track(connection);
      if (tunnel === undefined) handshake();
      else
        dig(tunnel, request, port, (error, stream) => {
          if (error !== null) {
            fail(error);
            return;
          }
          try {
            if (proxy !== undefined) connection.proxyEvidence = proxyEvidenceOf(proxy, stream);
          } catch (refusal) {
            stream.destroy();
            fail(errorOf(refusal, proxy?.target.host ?? ''));
            return;
          }
          handshake(stream);
        });
    } catch (error) {
      fail(errorOf(error, connection.target.host));
    }
  }

  #retry(dial: Dial, attempt: Attempt, error: Error, isOvertaken: boolean): void {
    // What the server shows now has not been asked yet.
    if (isOvertaken && attempt.overtakenCount < maxOvertaken && PinError.isPinError(error)) {
      this.#dial(dial, { ...attempt, overtakenCount: attempt.overtakenCount + 1 });
      return;
    }
    const chance = attempt.isRechecked ? undefined : this.#settings.pins.recheck?.(error);
    if (chance === undefined) dial.onConnected(asFinal(error), null);
    else
      void chance.then((isGiven) => {
        if (isGiven) this.#dial(dial, { ...attempt, isRechecked: true });
        else dial.onConnected(asFinal(error), null);
      });
  }

  #track(connection: Connection): void {
    const { pins, proxy } = this.#settings;
    // Without connections there is no listener, so that a dispatcher that is dropped can be collected.
    if (this.#connections.size === 0) {
      pins.on('rotate', this.#onRotate);
      proxy?.pins.on('rotate', this.#onProxyRotate);
      this.#clockTimer = outside(() => setInterval(() => this.#lookAtAll(undefined), lookEveryMs).unref());
    }
    this.#connections.add(connection);
    const releases = [pins.retain?.(connection.target), proxy?.pins.retain?.(proxy.target)];
    connection.release = () => {
      for (const release of releases) release?.();
    };
  }

  #secured(connection: Connection, socket: Socket): void {
    connection.socket = socket;
    connection.slot.connection = connection;
    socket.once('close', () => this.#forget(connection));
  }

  #forget(connection: Connection): void {
    const { slot, drainTimer, release } = connection;
    clearTimeout(drainTimer);
    release?.();
    if (slot.connection === connection) slot.connection = undefined;
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    const { pins, proxy } = this.#settings;
    pins.off('rotate', this.#onRotate);
    proxy?.pins.off('rotate', this.#onProxyRotate);
    clearInterval(this.#clockTimer);
  }

  /** @param host - the only one whose pins have changed, where each has a document of its own */
  #sweep(host: string | undefined): void {
    this.#sessions.dropStale(host);
    for (const connection of this.#connections)
      if (connection.socket === undefined) connection.isOvertaken = true;
    this.#lookAtAll(host);
  }

  #lookAtAll(host: string | undefined): void {
    for (const connection of this.#connections) {
      const { socket, evidence } = connection;
      if (socket === undefined || socket.destroyed) continue;
      if (host === undefined || evidence?.host === host) this.look(connection);
    }
  }

  #drain(connection: Connection): void {
    connection.drainTimer = setTimeout(() => {
      const reason = outside(() => this.whyStale(connection));
      if (reason === undefined) this.#endDrain(connection);
      else connection.socket?.destroy(reason);
    }, this.#settings.drainTimeoutMs).unref();
    if (connection.slot.connection === connection) connection.slot.endWhenIdle();
  }

  /** Matches again: an edit was undone while it drained. */
  #endDrain(connection: Connection): void {
    if (connection.drainTimer === undefined) return;
    clearTimeout(connection.drainTimer);
    delete connection.drainTimer;
    if (connection.slot.connection === connection) connection.slot.takeAgain();
  }
}

/** A failure to connect that undici does not take for a reason to connect again, without end. */
function asFinal(error: Error): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'UND_ERR_SOCKET' && code !== 'UND_ERR_INFO') return error;
  return Object.assign(new Error(`no connection: ${error.message}`, { cause: error }), {
    code: 'ECONNRESET',
  });
}
