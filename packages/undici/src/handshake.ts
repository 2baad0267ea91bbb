import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  type BoundSession,
  type BoundSessions,
  errorOf,
  evidenceOf,
  type NodeCertificate,
  type PinSource,
} from '@pinvault/core';
import { buildConnector } from 'undici';
import type { Connection } from './connection.js';
import { serverName } from './origin.js';

/** How a client's connection is opened: undici's own words for it, and what its types leave out. */
export type ConnectRequest = buildConnector.Options & { readonly allowH2?: boolean };

export type OnConnected = (...result: [null, Socket] | [Error, null]) => void;

/** What every handshake of one dispatcher has in common. */
export interface HandshakeSettings {
  readonly pins: PinSource;
  /** Options of `tls.connect()`, and undici's own. */
  readonly tls: buildConnector.BuildOptions;
  readonly sessions: BoundSessions;
}

/**
 * One TLS handshake, by undici's own connector. The connection has its evidence afterwards: of the certificates that were
 * shown, or of the handshake in which the session was earned that it has resumed. Where it has none, Node has asked
 * nobody, and the connection is not to be used.
 */
export function shakeHands(
  { pins, tls, sessions }: HandshakeSettings,
  connection: Connection,
  request: ConnectRequest,
  onConnected: OnConnected,
): void {
  const { target } = connection;
  // CAs and client certificate are the same for all connections of a dispatcher.
  const key = `${target.host} ${target.port} ${request.hostname} ${request.allowH2}`;
  const offered = sessions.take(key);
  const connect = buildConnector({
    ...tls,
    ...(request.allowH2 !== undefined && { allowH2: request.allowH2 }),
    // Explicit, also against NODE_TLS_REJECT_UNAUTHORIZED=0.
    rejectUnauthorized: true,
    // undici's own sessions know no pins.
    maxCachedSessions: 0,
    session: offered?.session,
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
    const resumed = error === null && (socket as TLSSocket).isSessionReused() ? offered : undefined;
    if (offered !== undefined && resumed === undefined) sessions.discard(key, offered);
    if (error !== null) {
      // What the server breaks off at once it may break off at again: each would cost a request.
      if (offered !== undefined) sessions.clear(key);
      onConnected(error, null);
      return;
    }
    if (resumed !== undefined) connection.evidence ??= resumed.evidence;
    earn(sessions, key, connection, socket as TLSSocket, resumed);
    onConnected(null, socket);
  });
}

/** Keeps the sessions that a connection earns, with its evidence. */
function earn(
  sessions: BoundSessions,
  key: string,
  { evidence }: Connection,
  socket: TLSSocket,
  resumedFrom: BoundSession | undefined,
): void {
  if (evidence === undefined) return;
  const provenAt = sessions.proofOf(resumedFrom);
  if (socket.getProtocol() === 'TLSv1.3') {
    // Tickets come after the handshake (RFC 8446 §4.6.1).
    socket.on('session', (session: Buffer) =>
      sessions.add(key, session, evidence, { singleUse: true, provenAt }),
    );
    return;
  }
  // The one that was resumed is still there, and as old as it is.
  const session = resumedFrom === undefined ? socket.getSession() : undefined;
  if (session !== undefined) sessions.add(key, session, evidence, { singleUse: false, provenAt });
}
