import { type PinError, PinProviderError } from '../../errors.js';
import type { Clock } from '../../internal/clock.js';
import { elapsedMs, type Moment, momentOf } from '../moment.js';
import { type BreakerState, Pace } from '../pace.js';

/**
 * The store as all hosts see it. An outage is one outage, however many hosts ask: after some failures in a row nobody
 * reads, and then one read at a time finds out whether the store is back.
 */
export class StoreWatch {
  readonly #clock: Clock;
  readonly #pace: Pace;
  #pause: { readonly since: Moment; readonly forMs: number } | undefined;
  #probe: Moment | undefined;
  #lastError: PinError | undefined;
  #lastErrorAt = 0;
  #recoveries = 0;

  constructor(intervalMs: number, clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#pace = new Pace(intervalMs, random);
  }

  /** Why the last read failed; gone after an answer. */
  get lastError(): PinError | undefined {
    return this.#lastError;
  }

  /** When (epoch ms). */
  get lastErrorAt(): number {
    return this.#lastErrorAt;
  }

  /** How often it has come back: what was remembered of an outage before the last time counts no more. */
  get recoveries(): number {
    return this.#recoveries;
  }

  get breaker(): BreakerState {
    if (!this.#pace.isOpen) return 'closed';
    return this.#probe === undefined ? 'open' : 'half-open';
  }

  /** Whether a read may begin now. */
  get isOpenToReads(): boolean {
    if (!this.#pace.isPaused) return true;
    return this.#probe === undefined && this.pausedForMs === 0;
  }

  /** How long the store is left alone still. */
  get pausedForMs(): number {
    if (this.#pause === undefined || !this.#pace.isPaused) return 0;
    return Math.max(0, this.#pause.forMs - elapsedMs(this.#pause.since, this.#clock));
  }

  /** A read begins. */
  begin(): Moment {
    const moment = momentOf(this.#clock);
    if (this.#pace.isPaused) this.#probe = moment;
    return moment;
  }

  /** It has answered, be it with a refusal. */
  answered(): void {
    if (this.#pace.isFailing) this.#recoveries += 1;
    this.#pace.delayAfterMs({ failed: false });
    this.#lastError = undefined;
    this.#pause = undefined;
    this.#probe = undefined;
  }

  /** A read that began at `startedAt` found it away. */
  away(error: PinError, startedAt: Moment): void {
    this.#lastError = error;
    this.#lastErrorAt = this.#clock.now();
    if (this.#probe === startedAt) this.#probe = undefined;
    // Reads that were under way together fail together: that is one failure.
    if (this.#pause !== undefined && startedAt.monotonic <= this.#pause.since.monotonic) return;
    const retryAfterMs = error instanceof PinProviderError ? error.retryAfterMs : undefined;
    const forMs = this.#pace.delayAfterMs({ failed: true, retryAfterMs });
    this.#pause = { since: momentOf(this.#clock), forMs };
  }
}
