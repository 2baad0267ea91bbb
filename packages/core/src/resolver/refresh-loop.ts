import type { Clock, ClockTimer } from '../internal/clock.js';

/** How the time between two reads is found. */
export interface RefreshPace {
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const maxBackoffMs = 300_000;
const firstBackoffMs = 1_000;

/** What a read means for the next one. */
export type ReadOutcome =
  { readonly failed: false } | { readonly failed: true; readonly retryAfterMs?: number | undefined };

/**
 * Owns the timer of a resolver: reads after at most one interval, backs off with full jitter while reads fail, and
 * lets one read at a time be under way.
 */
export class RefreshLoop<Result> {
  readonly #pace: RefreshPace;
  readonly #read: () => Promise<Result>;
  readonly #judge: (result: Result) => ReadOutcome;
  #timer: ClockTimer | undefined;
  #nextAt: number | undefined;
  #flight: Promise<Result> | undefined;
  #isWantedAgain = false;
  #failures = 0;
  #isStopped = false;

  constructor(pace: RefreshPace, read: () => Promise<Result>, judge: (result: Result) => ReadOutcome) {
    this.#pace = pace;
    this.#read = read;
    this.#judge = judge;
  }

  /** When the timer reads next (epoch ms). */
  get nextAt(): number | undefined {
    return this.#nextAt;
  }

  /** Reads now, or joins the read that is under way. Rejects where the read function does, which it should not. */
  run(): Promise<Result> {
    this.#cancel();
    this.#flight ??= this.#fly();
    return this.#flight;
  }

  /** Reads now; where a read is under way, which may have looked too early, once more after it. */
  runAnew(): void {
    if (this.#flight === undefined) void this.run();
    else this.#isWantedAgain = true;
  }

  async #fly(): Promise<Result> {
    // Whatever happens in there, there is a next read.
    let outcome: ReadOutcome = { failed: true };
    try {
      const result = await this.#read();
      outcome = this.#judge(result);
      return result;
    } finally {
      this.#flight = undefined;
      this.#failures = outcome.failed ? this.#failures + 1 : 0;
      if (this.#isWantedAgain && !this.#isStopped) void this.run();
      else this.schedule(outcome);
      this.#isWantedAgain = false;
    }
  }

  /** Sets the timer for the next read. */
  schedule(outcome: ReadOutcome): void {
    this.#cancel();
    if (this.#isStopped) return;
    const delayMs = outcome.failed ? this.#backoffMs(outcome.retryAfterMs ?? 0) : this.#jitteredIntervalMs();
    this.#nextAt = Math.round(this.#pace.clock.now() + delayMs);
    this.#timer = this.#pace.clock.after(delayMs, () => void this.run());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#nextAt = undefined;
  }

  /** A tenth at most comes off, so that instances started together drift apart and none is ever late. */
  #jitteredIntervalMs(): number {
    return this.#pace.intervalMs * (1 - 0.1 * this.#pace.random());
  }

  /** Full jitter (any moment up to the limit), never less than a tenth of it: a store in trouble is not hammered. */
  #backoffMs(retryAfterMs: number): number {
    const first = Math.min(firstBackoffMs, this.#pace.intervalMs);
    const limit = Math.min(maxBackoffMs, first * 2 ** Math.min(this.#failures - 1, 16));
    // What a store asks for is honoured within reason: an answer of a hundred years must not end the refresh.
    return Math.max(Math.min(retryAfterMs, maxBackoffMs), limit * Math.max(0.1, this.#pace.random()));
  }
}
