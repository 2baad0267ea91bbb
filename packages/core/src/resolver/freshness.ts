import type { Clock } from '../internal/clock.js';
import { elapsedMs, type Moment, momentOf } from './moment.js';

/** `fresh`: confirmed lately by the provider. `stale`: older, still in force. `expired`: nothing is accepted any more. */
export type FreshnessState = 'fresh' | 'stale' | 'expired';

/**
 * How old the pins are. Counted on the monotonic and on the wall clock, the larger of the two: a frozen process stops
 * the one, a clock that is set back the other, and neither may lengthen a life.
 */
export class Freshness {
  readonly #clock: Clock;
  readonly #staleAfterMs: number;
  readonly #maxStaleMs: number;
  #confirmed: Moment;

  constructor(clock: Clock, staleAfterMs: number, maxStaleMs: number, confirmed: Moment = momentOf(clock)) {
    this.#clock = clock;
    this.#staleAfterMs = staleAfterMs;
    this.#maxStaleMs = maxStaleMs;
    this.#confirmed = confirmed;
  }

  /** The pins in force were the store's current ones at that moment: when it was asked, not when the answer came. */
  confirm(at: Moment = momentOf(this.#clock)): void {
    this.#confirmed = at;
  }

  /** Milliseconds since the last confirmation. */
  ageMs(now?: number): number {
    return elapsedMs(this.#confirmed, this.#clock, now);
  }

  /** The instant (epoch ms) of the hard limit, `Infinity` where there is none. */
  expiresAt(documentExpiresAt: number | undefined): number {
    return Math.min(this.#confirmed.wall + this.#maxStaleMs, documentExpiresAt ?? Infinity);
  }

  /** @param now - what the wall clock shows, where the caller has just looked */
  isExpired(documentExpiresAt: number | undefined, now: number = this.#clock.now()): boolean {
    return this.isPastLimit(now) || (documentExpiresAt !== undefined && now > documentExpiresAt);
  }

  /** Past `maxStaleMs`. */
  isPastLimit(now?: number): boolean {
    return this.ageMs(now) > this.#maxStaleMs;
  }

  isOld(): boolean {
    return this.ageMs() > this.#staleAfterMs;
  }

  /** How long until the clock alone changes an answer above, or the age passes `mark`; `undefined` for never. */
  nextChangeInMs(documentExpiresAt: number | undefined, mark: number): number | undefined {
    const ageMs = this.ageMs();
    const waits = [this.#staleAfterMs, this.#maxStaleMs, mark].map((limit) => limit - ageMs);
    if (documentExpiresAt !== undefined) waits.push(documentExpiresAt - this.#clock.now());
    const ahead = waits.filter((wait) => wait >= 0 && Number.isFinite(wait));
    // The limits themselves still count: the change comes with the millisecond after.
    return ahead.length === 0 ? undefined : Math.floor(Math.min(...ahead)) + 1;
  }
}
