import type { Clock } from '../../internal/clock.js';

/** How many first reads may be spent on hosts that turn out to have no pins. */
export interface BudgetLimits {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * Who makes a service dial names of his choice must not make it ask the store as often: a first read costs one, and it
 * comes back when the host has a document. What is spent on others comes back with time.
 */
export class ReadBudget {
  readonly #limits: BudgetLimits;
  readonly #clock: Clock;
  #left: number;
  #countedAt: number;

  constructor(limits: BudgetLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#left = limits.burst;
    this.#countedAt = clock.monotonic();
  }

  /** Whether there was one left to take. */
  take(): boolean {
    this.#count();
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  giveBack(): void {
    this.#left = Math.min(this.#limits.burst, this.#left + 1);
  }

  /** How long until there is one to take. */
  nextInMs(): number {
    this.#count();
    return Math.max(0, Math.ceil(((1 - this.#left) * 1_000) / this.#limits.perSecond));
  }

  #count(): void {
    const now = this.#clock.monotonic();
    const earned = ((now - this.#countedAt) / 1_000) * this.#limits.perSecond;
    this.#left = Math.min(this.#limits.burst, this.#left + earned);
    this.#countedAt = now;
  }
}
