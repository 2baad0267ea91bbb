import type { Clock } from '@pinvault/core';
import { pause } from './pause.js';

/** So many requests in a second; `burst` of them at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Reads `rate[:burst]`, as the command lines; the burst is the whole part of the rate where it is not said. */
export function parseRate(text: string): Rate | undefined {
  const [, rate, burst] = /^(\d+(?:\.\d+)?)(?::(\d+))?$/u.exec(text) ?? [];
  const perSecond = Number(rate ?? 0);
  const atOnce = burst === undefined ? Math.floor(perSecond) : Number(burst);
  // With either at zero no request would ever leave.
  return perSecond > 0 && atOnce > 0 ? { perSecond, burst: atOnce } : undefined;
}

/** A bucket of requests that fills by the clock. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #clock: Clock;
  // When the bucket would be full if nobody asked any more.
  #fullAt = 0;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn, and at once when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const { perSecond, burst } = this.#rate;
    const eachMs = 1_000 / perSecond;
    const now = this.#clock.monotonic();
    this.#fullAt = Math.max(this.#fullAt, now) + eachMs;
    const waitMs = this.#fullAt - now - burst * eachMs;
    if (waitMs > 0) await pause(this.#clock, waitMs, signal);
  }
}
