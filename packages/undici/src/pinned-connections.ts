import type { Socket } from 'node:net';
import { BoundSessions, endsAtOnce, errorOf, type PinEventListener } from '@pinvault/core';
import { buildConnector } from 'undici';
import { type Connection, endIdle, type Slot, whyStale } from './connection.js';
import { type ConnectRequest, type HandshakeSettings, type OnConnected, shakeHands } from './handshake.js';
import { type Origins, whyInsecure } from './origin.js';

/** Leads to a target through a proxy: gives the bytes' way to it, without TLS. */
export type Tunnel = buildConnector.connector;

/** What every connection of one dispatcher has in common. */
export interface ConnectionSettings extends Omit<HandshakeSettings, 'sessions'> {
  readonly origins: Origins;
  /** TLS sessions kept; 0 keeps none. */
  readonly maxCachedSessions: number;
  readonly drainTimeoutMs: number;
}

/**
 * Opens the connections of one dispatcher, each judged in its handshake, and knows them until they are closed: at a
 * rotation those that no longer match end, idle ones at once, busy ones within `drainTimeoutMs`.
 */
export class PinnedConnections {
  readonly #settings: ConnectionSettings;
  readonly #sessions: BoundSessions;
  readonly #connections = new Set<Connection>();
  readonly #onRotate: PinEventListener<'rotate'> = ({ host }) => this.#sweep(host);

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
    return whyStale(this.#settings.pins, connection);
  }

  /** Why nothing may go there without TLS; `undefined` where it may. */
  whyInsecure(hostname: string, port: number): Error | undefined {
    const { pins, origins } = this.#settings;
    return whyInsecure(pins, origins.targetOf(hostname, port));
  }

  /**
   * Opens a connection for a slot. After a refusal that a refresh has cured it dials once more: no request is on its way
   * yet, the client waits for its connection.
   */
  open(slot: Slot, request: ConnectRequest, tunnel: Tunnel | undefined, onConnected: OnConnected): void {
    if (request.protocol === 'https:') this.#dial(slot, request, tunnel, onConnected, true);
    else this.#openPlain(request, tunnel, onConnected);
  }

  #openPlain(request: ConnectRequest, tunnel: Tunnel | undefined, onConnected: OnConnected): void {
    const refusal = this.whyInsecure(request.hostname, Number(request.port || 80));
    if (refusal === undefined) (tunnel ?? buildConnector(this.#settings.tls))(request, onConnected);
    else onConnected(refusal, null);
  }

  #dial(
    slot: Slot,
    request: ConnectRequest,
    tunnel: Tunnel | undefined,
    onConnected: OnConnected,
    isFirst: boolean,
  ): void {
    const { pins, origins, tls } = this.#settings;
    const settings = { pins, tls, sessions: this.#sessions };
    const port = Number(request.port || 443);
    const target = origins.targetOf(request.hostname, port);
    const connection: Connection = { target, slot, release: pins.retain?.(target) };
    const again = (): void => this.#dial(slot, request, tunnel, onConnected, false);
    const fail = (error: Error): void => {
      connection.release?.();
      const chance = isFirst ? pins.recheck?.(error) : undefined;
      if (chance === undefined) onConnected(asFinal(error), null);
      else void chance.then((isGiven) => (isGiven ? again() : onConnected(asFinal(error), null)));
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
            this.#track(connection, socket);
            onConnected(null, socket);
            return;
          }
          socket.destroy();
          // The pins have changed within the handshake: the next one meets the new ones.
          if (isFirst && connection.evidence !== undefined) {
            connection.release?.();
            again();
          } else fail(reason);
        },
      );
    };
    try {
      if (tunnel === undefined) handshake();
      else dig(tunnel, request, port, (error, stream) => (error === null ? handshake(stream) : fail(error)));
    } catch (error) {
      fail(errorOf(error, target.host));
    }
  }

  #track(connection: Connection, socket: Socket): void {
    connection.socket = socket;
    connection.slot.connection = connection;
    // Without connections there is no listener, so that a dispatcher that is dropped can be collected.
    if (this.#connections.size === 0) this.#settings.pins.on('rotate', this.#onRotate);
    this.#connections.add(connection);
    socket.once('close', () => this.#forget(connection));
  }

  #forget(connection: Connection): void {
    const { slot, drainTimer, release } = connection;
    clearTimeout(drainTimer);
    release?.();
    if (slot.connection === connection) slot.connection = undefined;
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#settings.pins.off('rotate', this.#onRotate);
  }

  /** @param host - the only one whose pins have changed, where each has a document of its own */
  #sweep(host: string | undefined): void {
    this.#sessions.dropStale(host);
    for (const connection of this.#connections) {
      const { socket, slot, evidence } = connection;
      if (socket === undefined || socket.destroyed) continue;
      if (host !== undefined && evidence?.host !== host) continue;
      const reason = this.whyStale(connection);
      if (reason === undefined) {
        // Matches again: an edit was undone while it drained.
        clearTimeout(connection.drainTimer);
        delete connection.drainTimer;
      } else if (endsAtOnce(reason)) {
        socket.destroy(reason);
      } else if (slot.connection === connection && slot.isIdle()) {
        endIdle(connection);
      } else if (connection.drainTimer === undefined) {
        connection.drainTimer = setTimeout(
          () => socket.destroy(reason),
          this.#settings.drainTimeoutMs,
        ).unref();
        slot.endWhenIdle();
      }
    }
  }
}

/** undici's own way through a proxy, up to where TLS would begin: that is ours. */
function dig(
  tunnel: Tunnel,
  request: ConnectRequest,
  port: number,
  onStream: (...result: [null, Socket] | [Error, null]) => void,
): void {
  let isOver = false;
  const name = request.hostname.includes(':') ? `[${request.hostname}]` : request.hostname;
  tunnel(
    { ...request, protocol: 'http:', host: `${name}:${port}`, port: String(port) },
    (...result: [null, Socket] | [Error, null]) => {
      // What is thrown in here would come back as a second result.
      if (isOver) return;
      isOver = true;
      onStream(...result);
    },
  );
}

/** A failure to connect that undici does not take for a reason to connect again, without end. */
function asFinal(error: Error): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'UND_ERR_SOCKET' && code !== 'UND_ERR_INFO') return error;
  return Object.assign(new Error(`no connection: ${error.message}`, { cause: error }), {
    code: 'ECONNRESET',
  });
}
