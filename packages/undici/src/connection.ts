import type { Socket } from 'node:net';
import {
  errorOf,
  type Evidence,
  PinError,
  PinMismatchError,
  type Target,
  type Verdict,
} from '@pinvault/core';
import { errors } from 'undici';
import type { PinSource } from './pin-source.js';

/** The place of one connection: an undici client, which has one at a time. */
export interface Slot {
  /** Absent while there is none, or it is on its way. */
  connection: Connection | undefined;
  /** Whether no request is under way on the connection; one that waits in the client does not count. */
  isIdle(): boolean;
  /** Ends the connection with the last response on it, if it still does not match then. */
  endWhenIdle(): void;
}

/** What is remembered of one connection, from the dial to the close. */
export interface Connection {
  readonly target: Target;
  readonly slot: Slot;
  /** Absent until the handshake was judged. */
  evidence?: Evidence;
  /** Absent until the handshake is over. */
  socket?: Socket;
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

/** Why the connection may not be used (any more); `undefined` where it may. */
export function whyStale(pins: PinSource, { evidence, target }: Connection): Error | undefined {
  const { host } = target;
  // Node has asked nobody, as with a resumed session.
  if (evidence === undefined)
    return new PinMismatchError('ERR_PIN_MISMATCH', `${host}: the handshake ended without a check`, { host });
  try {
    evidenceOf(pins.judge(evidence), host);
    return undefined;
  } catch (error) {
    return errorOf(error, host);
  }
}

/** A key that is known to be in wrong hands gets no time to finish a response. */
export function endsAtOnce(reason: Error): boolean {
  return PinError.isPinError(reason) && reason.code === 'ERR_PIN_REVOKED';
}

/**
 * Ends a connection without a request on it. In undici's own words: a request that waits in the client connects anew
 * then, where any other error would end it, and HTTP/2 of undici 7 cannot do with none.
 */
export function endIdle({ socket }: Connection): void {
  socket?.destroy(new errors.InformationalError('the pins have changed'));
}
