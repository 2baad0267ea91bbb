import type { Socket } from 'node:net';
import { type Evidence, type PinSource, type Target, unjudged, whyRefused } from '@pinvault/core';
import { errors } from 'undici';

/** The place of one connection: an undici client, which has one at a time. */
export interface Slot {
  /** Absent while there is none, or it is on its way. */
  connection: Connection | undefined;
  /** Whether no request is under way on the connection; one that waits in the client does not count. */
  isIdle(): boolean;
  /** Ends the connection with the last response on it, if it still does not match then. */
  endWhenIdle(): void;
  /** The connection matches again, and may have requests that wait for one. */
  takeAgain(): void;
}

/** What is remembered of one connection, from the dial to the close. */
export interface Connection {
  readonly target: Target;
  readonly slot: Slot;
  /** Absent until the handshake was judged. */
  evidence?: Evidence;
  /** What the proxy of its tunnel has shown, where that has pins of its own. */
  proxyEvidence?: Evidence;
  /** Absent until the handshake is over. */
  socket?: Socket;
  /** The pins have changed since it was dialled, and its handshake is not over. */
  isOvertaken?: boolean;
  drainTimer?: NodeJS.Timeout;
  /** Says that its pins are needed no more on its account. */
  release?: (() => void) | undefined;
}

/**
 * Why the connection may not be used (any more); `undefined` where it may.
 *
 * @param proxyPins - where its tunnel may be one through a proxy with pins of its own
 */
export function whyStale(
  pins: PinSource,
  proxyPins: PinSource | undefined,
  { evidence, proxyEvidence, target }: Connection,
): Error | undefined {
  const reason = evidence === undefined ? unjudged(target.host) : whyRefused(pins, evidence);
  if (reason !== undefined || proxyPins === undefined || proxyEvidence === undefined) return reason;
  return whyRefused(proxyPins, proxyEvidence);
}

/**
 * Ends a connection without a request on it. In undici's own words: a request that waits in the client connects anew
 * then, where any other error would end it, and HTTP/2 of undici 7 cannot do with none.
 */
export function endIdle({ socket }: Connection): void {
  socket?.destroy(new errors.InformationalError('the pins have changed'));
}
