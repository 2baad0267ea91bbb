import type { Clock } from '@pinvault/core';
import { pause } from './pause.js';
import { untilAborted } from './until-aborted.js';

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

/** A bucket of requests that fills by the clock. Who waits stands in a line; who gives up leaves it, and takes nothing. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #clock: Clock;
  // When the bucket would be full if nobody asked any more.
  #fullAt = 0;
  #line: Promise<void> = Promise.resolve();

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn. @throws the signal's reason as soon as that aborts */
  async turn(signal: AbortSignal): Promise<void> {
    const turn = this.#line.then(() => this.#take(signal));
    this.#line = turn;
    await untilAborted(turn, signal, () => signal.reason as Error);
  }

  async #take(signal: AbortSignal): Promise<void> {
    const { perSecond, burst } = this.#rate;
    const eachMs = 1_000 / perSecond;
    const fullAt = Math.max(this.#fullAt, this.#clock.monotonic()) + eachMs;
    const waitMs = fullAt - this.#clock.monotonic() - burst * eachMs;
    if (waitMs > 0 && !signal.aborted) await pause(this.#clock, waitMs, signal);
    if (!signal.aborted) this.#fullAt = fullAt;
  }
}
