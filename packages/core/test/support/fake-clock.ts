import type { Clock, ClockTimer } from '#src/internal/clock.js';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
  readonly keepAlive: boolean;
}

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  readonly #pending = new Set<Pending>();
  #now: number;
  #monotonic = 1_000;
  #order = 0;

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delayMs: number, callback: () => void, keepAlive = false): ClockTimer {
    const pending = { at: this.#monotonic + delayMs, order: (this.#order += 1), callback, keepAlive };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** Delays of the timers that are set, ascending. */
  get delays(): readonly number[] {
    return this.#sorted().map((pending) => pending.at - this.#monotonic);
  }

  /** How many timers hold the process open. */
  get keepingAlive(): number {
    return this.#sorted().filter((pending) => pending.keepAlive).length;
  }

  /** Both clocks go on; timers fire in their order, and what they start is given time to settle. */
  async advance(byMs: number): Promise<void> {
    await settle();
    const end = this.#monotonic + byMs;
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#pending.delete(next);
      this.#moveTo(Math.max(next.at, this.#monotonic));
      next.callback();
      await settle();
    }
    this.#moveTo(end);
    await settle();
  }

  /** Somebody sets the wall clock; the monotonic one goes on as before. */
  setWallClock(now: number): void {
    this.#now = now;
  }

  /** The process is frozen: the wall clock goes on, the monotonic one and the timers do not. */
  freeze(forMs: number): void {
    this.#now += forMs;
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #due(end: number): Pending | undefined {
    const [first] = this.#sorted();
    return first !== undefined && first.at <= end ? first : undefined;
  }

  #sorted(): Pending[] {
    return [...this.#pending].sort((left, right) => left.at - right.at || left.order - right.order);
  }
}

/** Lets promises that are already decided run to their ends. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
}
