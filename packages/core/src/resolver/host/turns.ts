import type { Clock, ClockTimer } from '../../internal/clock.js';
import type { ReadBudget } from './read-budget.js';

/** How many reads are under way at once, and how many wait for their turn. */
export interface TurnLimits {
  readonly concurrent: number;
  readonly waiting: number;
  /** Who has waited so long gets no turn any more. */
  readonly waitMs: number;
}

interface Waiter {
  readonly since: number;
  readonly answer: (hasTurn: boolean) => void;
}

/**
 * Lets so many reads through at a time. What cannot wait is turned away at once: memory and the store's load stay
 * bounded, whatever asks.
 */
export class Turns {
  readonly #limits: TurnLimits;
  readonly #clock: Clock;
  readonly #budget: ReadBudget | undefined;
  readonly #waiting = new Set<Waiter>();
  #running = 0;
  #timer: ClockTimer | undefined;
  #isClosed = false;

  constructor(limits: TurnLimits, clock: Clock, budget?: ReadBudget) {
    this.#limits = limits;
    this.#clock = clock;
    this.#budget = budget;
  }

  /** Reads under way, and those that wait. */
  get size(): number {
    return this.#running + this.#waiting.size;
  }

  /** Resolves with whether the caller may read: if so, it calls {@link done} afterwards. */
  take(): Promise<boolean> {
    if (this.#isClosed || this.#waiting.size >= this.#limits.waiting) return Promise.resolve(false);
    return new Promise((answer) => {
      this.#waiting.add({ since: this.#clock.monotonic(), answer });
      this.#admit();
    });
  }

  /** `isRefunded`: the read was of a host that there is, and costs nothing of the budget. */
  done(isRefunded: boolean): void {
    this.#running -= 1;
    if (isRefunded) this.#budget?.giveBack();
    this.#admit();
  }

  /** Turns away everybody who waits. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const waiter of this.#waiting) waiter.answer(false);
    this.#waiting.clear();
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      const isLate = this.#clock.monotonic() - waiter.since > this.#limits.waitMs;
      if (!isLate) {
        if (this.#running >= this.#limits.concurrent) return;
        if (this.#budget?.take() === false) {
          this.#comeBack(this.#budget);
          return;
        }
        this.#running += 1;
      }
      this.#waiting.delete(waiter);
      waiter.answer(!isLate);
    }
  }

  #comeBack(budget: ReadBudget): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(budget.nextInMs(), () => this.#admit());
  }
}
