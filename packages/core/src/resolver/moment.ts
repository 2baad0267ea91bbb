import type { Clock } from '../internal/clock.js';

/** A moment on both clocks. */
export interface Moment {
  /** Epoch ms. */
  readonly wall: number;
  readonly monotonic: number;
}

/** The present moment. */
export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

/**
 * Milliseconds since a moment, by the clock that says more: a frozen process stops the monotonic one, a wall clock that
 * is set back the other, and neither may make anything younger than it is.
 *
 * @param now - what the wall clock shows, where the caller has just looked
 */
export function elapsedMs(since: Moment, clock: Clock, now: number = clock.now()): number {
  return Math.max(0, clock.monotonic() - since.monotonic, now - since.wall);
}
