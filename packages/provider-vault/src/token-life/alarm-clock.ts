import type { Clock, ClockTimer } from '@pinvault/core';

// Node fires a longer timer after 1 ms.
const maxDelayMs = 2 ** 31 - 1;

/** One timer, however long: 768 h, the lease that a vault gives by default, is more than a timer of Node can hold. */
export class AlarmClock {
  readonly #clock: Clock;
  #timer: ClockTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In place of what was set before. */
  set(delayMs: number, callback: () => void): void {
    this.cancel();
    const at = this.#clock.monotonic() + delayMs;
    const wait = (): void => {
      const left = at - this.#clock.monotonic();
      this.#timer = this.#clock.after(Math.min(Math.max(0, left), maxDelayMs), () => {
        if (this.#clock.monotonic() < at) wait();
        else callback();
      });
    };
    wait();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
