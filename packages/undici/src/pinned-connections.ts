import type { Socket } from 'node:net';
import { errorOf, type NodeCertificate, type PinEventListener } from '@pinvault/core';
import { buildConnector } from 'undici';
import { type Connection, endIdle, endsAtOnce, evidenceOf, type Slot, whyStale } from './connection.js';
import { type Origins, serverName, whyInsecure } from './origin.js';
import type { PinSource } from './pin-source.js';

/** How a client's connection is opened: undici's own words for it, and what its types leave out. */
export type ConnectRequest = buildConnector.Options & { readonly allowH2?: boolean };

/** Leads to a target through a proxy: gives the bytes' way to it, without TLS. */
export type Tunnel = buildConnector.connector;

type OnConnected = (...result: [null, Socket] | [Error, null]) => void;

/** What every connection of one dispatcher has in common. */
export interface ConnectionSettings {
  readonly pins: PinSource;
  readonly origins: Origins;
  /** Options of `tls.connect()`, and undici's own. */
  readonly tls: buildConnector.BuildOptions;
  readonly drainTimeoutMs: number;
}

/**
 * Opens the connections of one dispatcher, each judged in its handshake, and knows them until they are closed: at a
 * rotation those that no longer match end, idle ones at once, busy ones within `drainTimeoutMs`.
 */
export class PinnedConnections {
  readonly #settings: ConnectionSettings;
  readonly #connections = new Set<Connection>();
  readonly #onRotate: PinEventListener<'rotate'> = ({ host }) => this.#sweep(host);

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /** Why the connection may not be used any more; `undefined` where it may. */
  whyStale(connection: Connection): Error | undefined {
    return whyStale(this.#settings.pins, connection);
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
    const { pins, origins, tls } = this.#settings;
    const refusal = whyInsecure(pins, origins.targetOf(request.hostname, Number(request.port || 80)));
    if (refusal === undefined) (tunnel ?? buildConnector(tls))(request, onConnected);
    else onConnected(refusal, null);
  }

  #dial(
    slot: Slot,
    request: ConnectRequest,
    tunnel: Tunnel | undefined,
    onConnected: OnConnected,
    isFirst: boolean,
  ): void {
    const { pins, origins } = this.#settings;
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
      this.#handshake(
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

  #handshake(connection: Connection, request: ConnectRequest, onConnected: OnConnected): void {
    const { pins, tls } = this.#settings;
    const { target } = connection;
    const connect = buildConnector({
      ...tls,
      ...(request.allowH2 !== undefined && { allowH2: request.allowH2 }),
      // Explicit, also against NODE_TLS_REJECT_UNAUTHORIZED=0.
      rejectUnauthorized: true,
      maxCachedSessions: 0,
      session: undefined,
      // No certificate, no check.
      pskCallback: undefined,
      checkServerIdentity(_host: string, certificate: NodeCertificate) {
        try {
          connection.evidence = evidenceOf(pins.verify(target, certificate), target.host);
          return undefined;
        } catch (error) {
          return errorOf(error, target.host);
        }
      },
    });
    // The name of the host that is dialled: undici would take that of a Host header.
    connect({ ...request, servername: serverName(target) }, (error, socket) => {
      if (error === null) onConnected(null, socket);
      else onConnected(error, null);
    });
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
      } else {
        connection.drainTimer ??= setTimeout(
          () => socket.destroy(reason),
          this.#settings.drainTimeoutMs,
        ).unref();
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
