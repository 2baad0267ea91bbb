import { PinError, type PinErrorCode } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { elapsedMs, type Moment, momentOf } from './moment.js';

/**
 * Refusals that a newer document may cure: pins that are missing, over, or could not be read. `$revoked` and `block` are
 * somebody's decision, and of a certificate that cannot be read there is nothing to judge again.
 */
const curableCodes: ReadonlySet<PinErrorCode> = new Set([
  'ERR_PIN_MISMATCH',
  'ERR_PIN_EXPIRED',
  'ERR_PIN_HOST_UNCOVERED',
  'ERR_PIN_ROW_INVALID',
]);

/** Whether a newer document may accept what was refused with this error. */
export function isCurable(error: unknown): error is PinError {
  return PinError.isPinError(error) && curableCodes.has(error.code);
}

/** Between two reads of one document that mismatches start, in ms: this, and up to twice as much more by chance. */
const gapMs = 10_000;

/** In all resolvers of a process: so many at once, and one more each second. */
const budgetSize = 10;
const refillMs = 1_000;

interface Budget {
  left: number;
  countedAt: Moment;
}

// One for a clock: the machine's, in a process that is no test.
const budgets = new WeakMap<Clock, Budget>();

function take(clock: Clock): boolean {
  const now = momentOf(clock);
  const budget = budgets.get(clock) ?? { left: budgetSize, countedAt: now };
  budgets.set(clock, budget);
  const refilled = Math.floor(elapsedMs(budget.countedAt, clock) / refillMs);
  if (refilled > 0) {
    budget.left = Math.min(budgetSize, budget.left + refilled);
    budget.countedAt = now;
  }
  if (budget.left === 0) return false;
  budget.left -= 1;
  return true;
}

/**
 * What mismatches may make of a store: whoever shows wrong certificates, as often as he likes, causes a read of the
 * document every 10 to 30 s and no more, and ten reads at once in the whole process.
 */
export class MismatchBudget {
  readonly #clock: Clock;
  readonly #random: () => number;
  #lastAt: Moment | undefined;
  #gapMs = 0;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Takes one read out of the budget, where there is one. */
  take(): boolean {
    if (this.#lastAt !== undefined && elapsedMs(this.#lastAt, this.#clock) < this.#gapMs) return false;
    if (!take(this.#clock)) return false;
    this.#lastAt = momentOf(this.#clock);
    this.#gapMs = gapMs * (1 + 2 * this.#random());
    return true;
  }
}
