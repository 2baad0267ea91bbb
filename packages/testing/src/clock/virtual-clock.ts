import type { Clock, ClockTimer } from '@pinvault/core';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/** So many timers at one moment are a loop that sets one without a delay: it has to fail a test and not to hang it. */
const maxAtOneMoment = 100_000;

/**
 * A clock that goes on when it is told to: hours pass in no time, and every timer fires in its order. Made for many
 * timers: setting and firing one costs a few comparisons.
 */
export class VirtualClock implements Clock {
  // A heap: the parent of index i is at (i - 1) / 2.
  readonly #pending: Pending[] = [];
  #now: number;
  #monotonic = 1_000;
  #order = 0;

  /** @param now - the wall clock at the beginning (epoch ms) */
  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delayMs: number, callback: () => void): ClockTimer {
    const at = this.#monotonic + Math.max(0, delayMs);
    const pending: Pending = { at, order: (this.#order += 1), callback, isCancelled: false };
    this.#push(pending);
    return {
      cancel() {
        pending.isCancelled = true;
      },
    };
  }

  /**
   * Both clocks go on by so much. After each timer `settle` is waited for, so that what the timer has started is done
   * before the next one fires.
   *
   * @throws Error where 100 000 timers fire and no time goes by
   */
  async advance(byMs: number, settle: () => Promise<void> = settleTurns): Promise<void> {
    await settle();
    const end = this.#monotonic + byMs;
    let count = 0;
    for (let next = this.#pending[0]; next !== undefined && next.at <= end; next = this.#pending[0]) {
      this.#pop();
      if (next.isCancelled) continue;
      count = next.at > this.#monotonic ? 0 : count + 1;
      if (count > maxAtOneMoment) throw new Error('a hot loop: timers fire, and no time goes by');
      this.#moveTo(Math.max(next.at, this.#monotonic));
      next.callback();
      await settle();
    }
    this.#moveTo(end);
    await settle();
  }

  /** The process is frozen, as a serverless one between two calls: the wall clock goes on, timers and monotonic clock do not. */
  freeze(forMs: number): void {
    this.#now += forMs;
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #push(pending: Pending): void {
    const heap = this.#pending;
    let index = heap.push(pending) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(pending, heap[parent] as Pending)) break;
      heap[index] = heap[parent] as Pending;
      index = parent;
    }
    heap[index] = pending;
  }

  #pop(): void {
    const heap = this.#pending;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Pending, heap[child] as Pending)) child += 1;
      if (!isBefore(heap[child] as Pending, last)) break;
      heap[index] = heap[child] as Pending;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: Pending, right: Pending): boolean {
  return left.at === right.at ? left.order < right.order : left.at < right.at;
}

/** Lets promises that are already decided run to their ends. */
async function settleTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
}
