import type { Clock, ClockTimer } from '../internal/clock.js';
import { elapsedMs, type Moment, momentOf } from './moment.js';
import { type BreakerState, Pace, type ReadOutcome } from './pace.js';

/** How the time between two reads is found. */
export interface RefreshTiming {
  readonly intervalMs: number;
  /** A read that is under way for a second longer was cut short by a suspension of the process. */
  readonly readTimeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Between two reads that somebody asks for, unless the one before brought something new. */
const askedGapMs = 1_000;

/** What comes so much too late was not held up by a busy event loop but by a suspension of the process. */
const suspendedAfterMs = 1_000;

interface Flight<Result> {
  promise?: Promise<Result>;
  readonly startedAt: Moment;
  readonly abort: AbortController;
  /** Begun after the process had been suspended. */
  readonly isLate: boolean;
}

interface Waiting<Result> {
  readonly promise: Promise<Result | undefined>;
  readonly resolve: (result: Result | Promise<Result> | undefined) => void;
}

/**
 * Owns the timer of a resolver, and lets one read at a time be under way. The timer reads after at most one interval and
 * backs off while reads fail; others may ask for a read in between, within the limits that each method names.
 */
export class RefreshLoop<Result> {
  readonly #timing: RefreshTiming;
  readonly #pace: Pace;
  readonly #read: (signal: AbortSignal) => Promise<Result>;
  readonly #judge: (result: Result) => ReadOutcome;
  #timer: { readonly handle: ClockTimer; readonly setAt: Moment; readonly delayMs: number } | undefined;
  #nextAt: number | undefined;
  #flight: Flight<Result> | undefined;
  #waiting: Waiting<Result> | undefined;
  #lastReadAt: Moment | undefined;
  #isWantedAgain = false;
  #isStopped = false;

  constructor(
    timing: RefreshTiming,
    read: (signal: AbortSignal) => Promise<Result>,
    judge: (result: Result) => ReadOutcome,
  ) {
    this.#timing = timing;
    this.#pace = new Pace(timing.intervalMs, timing.random);
    this.#read = read;
    this.#judge = judge;
  }

  /** When the timer reads next (epoch ms). */
  get nextAt(): number | undefined {
    return this.#nextAt;
  }

  get breaker(): BreakerState {
    if (!this.#pace.isOpen) return 'closed';
    return this.#flight === undefined ? 'open' : 'half-open';
  }

  /** Reads now, or joins the read that is under way. Rejects where the read function does, which it should not. */
  run(): Promise<Result> {
    return this.#flight?.promise ?? this.#begin();
  }

  /**
   * A caller wants a read: now, or a second after the last one where that brought nothing new. `undefined` where the
   * store is to be left alone, or the loop is stopped meanwhile.
   */
  async ask(): Promise<Result | undefined> {
    if (this.#flight !== undefined) return this.#flight.promise;
    if (this.#isHeldOff(this.#pace.isClosedToAll)) return undefined;
    return this.#afterGap(true);
  }

  /** Something has changed, says the store: as {@link ask}, and once more after a read that may have looked too early. */
  push(): void {
    if (this.#flight !== undefined) this.#isWantedAgain = true;
    else if (!this.#isHeldOff()) void this.#afterGap(false);
  }

  /** Joins a read that is under way, or reads now where `isAllowed`; `undefined` while reads fail. */
  askIfWell(isAllowed: () => boolean): Promise<Result> | undefined {
    if (this.#pace.isFailing || this.#isStopped) return undefined;
    if (this.#flight !== undefined) return this.#flight.promise;
    return isAllowed() ? this.run() : undefined;
  }

  /**
   * The read for which whoever uses the pins now should wait, because the process has been suspended: `undefined` where
   * it has not, and while the store is being left alone.
   */
  wake(): Promise<Result> | undefined {
    const flight = this.#flight;
    const { clock, readTimeoutMs } = this.#timing;
    if (flight !== undefined) {
      if (elapsedMs(flight.startedAt, clock) <= readTimeoutMs + suspendedAfterMs)
        return flight.isLate ? flight.promise : undefined;
      // Its answer, should one come, is from before.
      this.#flight = undefined;
      flight.abort.abort();
      return this.#begin(true);
    }
    return this.#isStopped || this.#lateByMs() <= suspendedAfterMs ? undefined : this.run();
  }

  /** Sets the timer for the next read. */
  schedule(outcome: ReadOutcome): void {
    const delayMs = this.#pace.delayAfterMs(outcome);
    // Nothing holds back who asks after a read that brought something new.
    this.#lastReadAt = !outcome.failed && outcome.isNews === true ? undefined : momentOf(this.#timing.clock);
    this.#setTimer(delayMs, false);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#flight?.abort.abort();
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
  }

  #begin(isLate = this.#lateByMs() > suspendedAfterMs): Promise<Result> {
    this.#cancel();
    const flight: Flight<Result> = {
      startedAt: momentOf(this.#timing.clock),
      abort: new AbortController(),
      isLate,
    };
    this.#flight = flight;
    const promise = this.#fly(flight);
    flight.promise = promise;
    this.#waiting?.resolve(promise);
    this.#waiting = undefined;
    return promise;
  }

  async #fly(flight: Flight<Result>): Promise<Result> {
    // Whatever happens in there, there is a next read.
    let outcome: ReadOutcome = { failed: true };
    try {
      const result = await this.#read(flight.abort.signal);
      outcome = this.#judge(result);
      return result;
    } finally {
      // Unless another one was begun in its place.
      if (this.#flight === flight) this.#land(outcome);
    }
  }

  #land(outcome: ReadOutcome): void {
    this.#flight = undefined;
    this.schedule(outcome);
    if (this.#isWantedAgain) this.push();
    this.#isWantedAgain = false;
  }

  /** Only the timer reads, and it is not late. */
  #isHeldOff(isPaused = this.#pace.isPaused): boolean {
    return this.#isStopped || (isPaused && this.#lateByMs() < 0);
  }

  /** How late the timer is, by the clock that says more; negative where it is not due. */
  #lateByMs(): number {
    if (this.#timer === undefined) return -Infinity;
    return elapsedMs(this.#timer.setAt, this.#timing.clock) - this.#timer.delayMs;
  }

  #afterGap(keepAlive: boolean): Promise<Result | undefined> {
    const { clock } = this.#timing;
    const leftMs = this.#lastReadAt === undefined ? 0 : askedGapMs - elapsedMs(this.#lastReadAt, clock);
    if (leftMs <= 0) return this.run();
    this.#waiting ??= waiting<Result>();
    // Never later than the timer would have read anyway.
    this.#setTimer(Math.min(leftMs, Math.max(0, -this.#lateByMs())), keepAlive);
    return this.#waiting.promise;
  }

  #setTimer(delayMs: number, keepAlive: boolean): void {
    this.#cancel();
    if (this.#isStopped) return;
    const { clock } = this.#timing;
    this.#nextAt = Math.round(clock.now() + delayMs);
    const handle = clock.after(delayMs, () => void this.run(), keepAlive);
    this.#timer = { handle, setAt: momentOf(clock), delayMs };
  }

  #cancel(): void {
    this.#timer?.handle.cancel();
    this.#timer = undefined;
    this.#nextAt = undefined;
  }
}

function waiting<Result>(): Waiting<Result> {
  let resolve: Waiting<Result>['resolve'] = () => undefined;
  const promise = new Promise<Result | undefined>((accept) => (resolve = accept));
  // Who waits is told; with a push there may be nobody.
  promise.catch(() => undefined);
  return { promise, resolve };
}
