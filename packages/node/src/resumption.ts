import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import {
  type BoundSession,
  BoundSessions,
  errorOf,
  type Evidence,
  evidenceOf,
  type PinSource,
  type Target,
  type Verdict,
} from '@pinvault/core';
import { type Connection, whyUnjudged } from './connection.js';
import { SessionKeys } from './session-key.js';

/** Marks the options of a connection that is to have a full handshake. */
export const fullHandshake: unique symbol = Symbol('pinvault.fullHandshake');

/** The TLS sessions of an agent: offered, judged and earned. */
export class Resumption {
  readonly #pins: PinSource;
  readonly #sessions: BoundSessions | undefined;
  readonly #keys = new SessionKeys();
  readonly #inVain = new WeakSet<Error>();

  constructor(pins: PinSource, maxSessions: number) {
    this.#pins = pins;
    // Without a place for sessions nobody listens for them, and Node does not make any.
    if (maxSessions > 0) {
      this.#sessions = new BoundSessions({ judge: (evidence) => verdictOf(pins, evidence), maxSessions });
    }
  }

  /** The name under which a new connection may use and leave sessions, and the session that it is to offer. */
  offerFor(target: Target, options: RequestOptions): Pick<Connection, 'sessionKey' | 'offered'> {
    const sessionKey = this.#sessions === undefined ? undefined : this.#keys.of(target, options);
    if (sessionKey === undefined) return {};
    const offered: BoundSession | undefined =
      fullHandshake in options ? undefined : this.#sessions?.take(sessionKey);
    return { sessionKey, offered };
  }

  /**
   * Judges a handshake that is over, before anybody else learns of it. A full one has asked the check; where it has not,
   * the socket leads to a proxy. A resumed one has asked nobody, and stands or falls with the evidence under which its
   * session was earned.
   *
   * @returns why the connection may not be used; `undefined` where it may
   */
  settle(connection: Connection, socket: Duplex): Error | undefined {
    if (!(socket instanceof TLSSocket)) return undefined;
    const reason = socket.isSessionReused() ? this.#inherit(connection, socket) : undefined;
    if (reason === undefined && connection.evidence !== undefined) {
      connection.secured = socket;
      connection.provenAt = this.#sessions?.proofOf(connection.resumed);
    }
    return reason;
  }

  #inherit(connection: Connection, socket: TLSSocket): Error | undefined {
    const { offered, target } = connection;
    // Not one of ours: somebody has found a way past the agent.
    if (offered === undefined || !isOf(socket.getSession(), offered.evidence)) return whyUnjudged(connection);
    try {
      connection.evidence = evidenceOf(this.#pins.judge(offered.evidence), target.host);
      connection.resumed = offered;
      return undefined;
    } catch (thrown) {
      const reason = errorOf(thrown, target.host);
      this.#inVain.add(reason);
      return reason;
    }
  }

  /** Whether a handshake was refused for its session alone: the pins have changed since it was offered. */
  wasInVain(refusal: Error): boolean {
    return this.#inVain.has(refusal);
  }

  /** Keeps what the server gives over a new connection. Early, or Node makes no session under TLS 1.2. */
  collectFrom(connection: Connection, socket: Duplex): void {
    if (connection.sessionKey === undefined || !(socket instanceof TLSSocket)) return;
    socket.on('session', (session: Buffer) => this.#earn(connection, socket, session));
  }

  /** Keeps the session of a tunnel, which is handed over when its handshake is over. */
  collectFromTunnel(connection: Connection, socket: Duplex): void {
    if (connection.sessionKey === undefined || !(socket instanceof TLSSocket)) return;
    // One that was resumed is still there.
    const isTold = socket.getProtocol() === 'TLSv1.3' || connection.resumed !== undefined;
    const session = isTold ? undefined : socket.getSession();
    if (session !== undefined) this.#earn(connection, socket, session);
    this.collectFrom(connection, socket);
  }

  #earn(connection: Connection, socket: TLSSocket, session: Buffer): void {
    const { sessionKey, evidence, secured, provenAt } = connection;
    // What a proxy gives for the way to itself is no session of the target.
    if (sessionKey === undefined || evidence === undefined || secured !== socket) return;
    if (provenAt === undefined || !isOf(session, evidence)) return;
    const singleUse = socket.getProtocol() === 'TLSv1.3';
    this.#sessions?.add(sessionKey, session, evidence, { singleUse, provenAt });
  }

  /**
   * A connection is closed: a session with which it got nowhere is not offered again.
   *
   * @param hasFailed - a server that breaks a handshake off for one session may do so for each of its kind, and every one
   *   of them would cost a request: they all go, as a plain agent's only one does
   */
  ended({ sessionKey, offered, secured }: Connection, hasFailed: boolean): void {
    if (sessionKey === undefined || offered === undefined || secured !== undefined) return;
    if (hasFailed) this.#sessions?.clear(sessionKey);
    else this.#sessions?.discard(sessionKey, offered);
  }

  /** @param host - the only one whose pins have changed, where each has a document of its own */
  dropStale(host: string | undefined): void {
    this.#sessions?.dropStale(host);
  }

  clear(): void {
    this.#sessions?.clear();
  }
}

/**
 * Whether a session is of the server that has shown this leaf: OpenSSL keeps the certificate in it. Under TLS 1.2 a server
 * may renegotiate with another one, and Node tells of that session before it asks the check.
 */
function isOf(session: Buffer | undefined, { certificates: [leaf] }: Evidence): boolean {
  return session !== undefined && leaf !== undefined && session.indexOf(leaf) !== -1;
}

/** What a resolver by shape answers instead of a verdict accepts nothing. */
function verdictOf(pins: PinSource, evidence: Evidence): Verdict {
  const verdict = pins.judge(evidence);
  evidenceOf(verdict, evidence.host);
  return verdict;
}
