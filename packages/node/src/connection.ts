import type { Duplex } from 'node:stream';
import { type Evidence, PinError } from '@pinvault/core';
import type { PinSource } from './pin-source.js';

/** What an agent remembers of one connection, from the dial to the close. */
export interface Connection {
  /** Absent until the handshake was judged: a connection that is still on its way is not stale. */
  evidence?: Evidence;
  socket?: Duplex;
  drainTimer?: NodeJS.Timeout;
}

/** Why the connection may not be used any more; `undefined` where it may. */
export function whyStale(pins: PinSource, connection: Connection): Error | undefined {
  if (connection.evidence === undefined) return undefined;
  try {
    pins.judge(connection.evidence);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error('ERR_PIN_MISMATCH: the check failed', { cause: error });
  }
}

/** A key that is known to be in wrong hands gets no time to finish a response. */
export function endsAtOnce(reason: Error): boolean {
  return PinError.isPinError(reason) && reason.code === 'ERR_PIN_REVOKED';
}
