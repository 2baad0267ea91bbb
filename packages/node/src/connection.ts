import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import {
  type BoundSession,
  errorOf,
  type Evidence,
  PinError,
  PinMismatchError,
  type Target,
  type Verdict,
} from '@pinvault/core';
import type { PinSource } from './pin-source.js';

/** What an agent remembers of one connection, from the dial to the close. */
export interface Connection {
  readonly target: Target;
  /** Absent until the handshake was judged: a connection that is still on its way is not stale. */
  evidence?: Evidence;
  socket?: Duplex;
  /** The name of the sessions that it may use and leave; absent where there is none. */
  readonly sessionKey?: string | undefined;
  /** The session that was offered to the server. */
  readonly offered?: BoundSession | undefined;
  /** The socket to the target, once the handshake was judged; under way to a proxy there is another before. */
  secured?: TLSSocket;
  /** The session that the server took: its evidence is this connection's. */
  resumed?: BoundSession;
  /** When the server has proven that it holds its key; absent where no session is kept. */
  provenAt?: BoundSession['provenAt'] | undefined;
  /** The pins have changed since it was dialled, and its handshake is not over. */
  isOvertaken?: boolean;
  drainTimer?: NodeJS.Timeout;
  /** Says that its pins are needed no more on its account. */
  release?: (() => void) | undefined;
}

const outcomes: ReadonlySet<unknown> = new Set([
  'match',
  'unpinned',
  'reported',
] satisfies Verdict['outcome'][]);

/**
 * The evidence behind a verdict. Only a verdict lets a connection pass: what a resolver by shape may answer instead,
 * such as a promise that is rejected later, does not. @throws PinMismatchError (`ERR_PIN_MISMATCH`)
 */
export function evidenceOf(verdict: Verdict | undefined, host: string): Evidence {
  const evidence: unknown = verdict?.evidence;
  if (
    verdict !== undefined &&
    outcomes.has(verdict.outcome) &&
    typeof evidence === 'object' &&
    evidence !== null
  ) {
    return verdict.evidence;
  }
  throw new PinMismatchError('ERR_PIN_MISMATCH', `${host}: the check answered with no verdict`, { host });
}

/** Whether the connection is ours and still in its handshake. */
export function isPending(connection: Connection | undefined): boolean {
  return connection !== undefined && connection.evidence === undefined;
}

/** Why a connection whose handshake is over may not be used: Node has asked nobody, as with a resumed session. */
export function whyUnjudged(connection: Connection | undefined): Error | undefined {
  if (connection?.evidence !== undefined) return undefined;
  const { host } = connection?.target ?? { host: '' };
  return new PinMismatchError('ERR_PIN_MISMATCH', `${host}: the handshake ended without a check`, { host });
}

/** Why the connection may not be used any more; `undefined` where it may. */
export function whyStale(pins: PinSource, connection: Connection): Error | undefined {
  if (connection.evidence === undefined) return undefined;
  try {
    evidenceOf(pins.judge(connection.evidence), connection.evidence.host);
    return undefined;
  } catch (error) {
    return errorOf(error, connection.evidence.host);
  }
}

/** A key that is known to be in wrong hands gets no time to finish a response. */
export function endsAtOnce(reason: Error): boolean {
  return PinError.isPinError(reason) && reason.code === 'ERR_PIN_REVOKED';
}
