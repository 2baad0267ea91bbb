/** A timer that a {@link Clock} handed out. */
export interface ClockTimer {
  cancel(): void;
}

/** The only way in which this package learns the time, so that tests own it. */
export interface Clock {
  /** Wall clock: milliseconds since the epoch. */
  now(): number;
  /** Monotonic clock: milliseconds since any fixed moment. Stands still while the process is frozen. */
  monotonic(): number;
  /** Calls back once. `keepAlive` (default false) holds the process open until then. */
  after(delayMs: number, callback: () => void, keepAlive?: boolean): ClockTimer;
}

// Node clamps a longer delay to 1 ms, which would turn a long wait into a hot loop.
const maxDelayMs = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback, keepAlive = false) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), maxDelayMs));
    if (!keepAlive) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
