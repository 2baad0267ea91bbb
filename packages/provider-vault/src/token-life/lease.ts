import type { Clock } from '@pinvault/core';
import type { GrantedToken } from '../auth/login-answer.js';

/** A token and the moments from which its life is counted. */
export interface Lease extends GrantedToken {
  readonly startedAt: number;
  readonly startedAtMonotonic: number;
}

export function leaseOf(granted: GrantedToken, clock: Clock): Lease {
  return { ...granted, startedAt: clock.now(), startedAtMonotonic: clock.monotonic() };
}

/** What is left of it, in milliseconds; `Infinity` for a token that does not end. */
export function remainingMs({ durationMs, startedAt, startedAtMonotonic }: Lease, clock: Clock): number {
  if (durationMs === 0) return Infinity;
  // A frozen process stops the monotonic clock, and a wall clock that was set back must not lengthen a life.
  const age = Math.max(clock.monotonic() - startedAtMonotonic, clock.now() - startedAt);
  return durationMs - age;
}
