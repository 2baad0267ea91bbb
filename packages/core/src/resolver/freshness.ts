import type { Clock } from '../internal/clock.js';

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
  #confirmedAt: number;
  #confirmedMonotonic: number;

  /** `ageMs`: how long ago the first pins were confirmed. */
  constructor(clock: Clock, staleAfterMs: number, maxStaleMs: number, ageMs = 0) {
    this.#clock = clock;
    this.#staleAfterMs = staleAfterMs;
    this.#maxStaleMs = maxStaleMs;
    this.#confirmedAt = clock.now() - ageMs;
    this.#confirmedMonotonic = clock.monotonic() - ageMs;
  }

  /** The provider has just said that the pins in force are its current ones. */
  confirm(): void {
    this.#confirmedAt = this.#clock.now();
    this.#confirmedMonotonic = this.#clock.monotonic();
  }

  /** Milliseconds since the last confirmation. */
  ageMs(): number {
    return Math.max(
      0,
      this.#clock.monotonic() - this.#confirmedMonotonic,
      this.#clock.now() - this.#confirmedAt,
    );
  }

  /** The instant (epoch ms) of the hard limit, `Infinity` where there is none. */
  expiresAt(documentExpiresAt: number | undefined): number {
    return Math.min(this.#confirmedAt + this.#maxStaleMs, documentExpiresAt ?? Infinity);
  }

  isExpired(documentExpiresAt: number | undefined): boolean {
    return this.isPastLimit() || (documentExpiresAt !== undefined && this.#clock.now() > documentExpiresAt);
  }

  /** Past `maxStaleMs`. */
  isPastLimit(): boolean {
    return this.ageMs() > this.#maxStaleMs;
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
