/** `open`: nobody reads. `half-open`: one read is finding out whether the store is back. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** What a read means for the next one. */
export type ReadOutcome =
  | {
      /** The store has answered, be it with a document that was refused. */
      readonly failed: false;
      /** Other pins are in force. */
      readonly isNews?: boolean;
    }
  | {
      readonly failed: true;
      /** 401, 403: another attempt will not help before a person or a login does. */
      readonly isDenied?: boolean;
      /** How long the store asked to be left alone. */
      readonly retryAfterMs?: number | undefined;
    };

const firstBackoffMs = 1_000;
const maxBackoffMs = 300_000;
const deniedMs = 60_000;

/** So many failures in a row open the breaker. */
const failuresToOpen = 5;

/** How long to leave a store alone: an interval while it answers, growing pauses while it does not. */
export class Pace {
  readonly #intervalMs: number;
  readonly #random: () => number;
  #failures = 0;
  #isPaused = false;

  constructor(intervalMs: number, random: () => number) {
    this.#intervalMs = intervalMs;
    this.#random = random;
  }

  /** The last read failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** So many reads have failed that only the timer reads any more, once each time. */
  get isOpen(): boolean {
    return this.#failures >= failuresToOpen;
  }

  /** Nobody reads before the timer does: the breaker is open, access was denied, or the store has asked for time. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Takes note of a read, and says how long to wait for the next one. */
  delayAfterMs(outcome: ReadOutcome): number {
    if (!outcome.failed) {
      this.#failures = 0;
      this.#isPaused = false;
      return this.#jitteredIntervalMs();
    }
    this.#failures += 1;
    const { isDenied = false, retryAfterMs = 0 } = outcome;
    this.#isPaused = this.isOpen || isDenied || retryAfterMs > 0;
    // What a store asks for is honoured within reason: an answer of a hundred years must not end the refresh.
    return Math.max(
      Math.min(retryAfterMs, maxBackoffMs),
      isDenied ? deniedMs * (1 + 0.5 * this.#random()) : 0,
      this.#backoffMs(),
    );
  }

  /** A tenth at most comes off, so that instances started together drift apart and none is ever late. */
  #jitteredIntervalMs(): number {
    return this.#intervalMs * (1 - 0.1 * this.#random());
  }

  /** Full jitter (any moment up to the limit), never less than a tenth of it: a store in trouble is not hammered. */
  #backoffMs(): number {
    const first = Math.min(firstBackoffMs, this.#intervalMs);
    const limit = Math.min(maxBackoffMs, first * 2 ** Math.min(this.#failures - 1, 16));
    return limit * Math.max(0.1, this.#random());
  }
}
