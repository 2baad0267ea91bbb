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

  constructor(clock: Clock, staleAfterMs: number, maxStaleMs: number) {
    this.#clock = clock;
    this.#staleAfterMs = staleAfterMs;
    this.#maxStaleMs = maxStaleMs;
    this.#confirmedAt = clock.now();
    this.#confirmedMonotonic = clock.monotonic();
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
    return (
      this.ageMs() > this.#maxStaleMs ||
      (documentExpiresAt !== undefined && this.#clock.now() > documentExpiresAt)
    );
  }

  isOld(): boolean {
    return this.ageMs() > this.#staleAfterMs;
  }
}
