import type { Clock, ClockTimer } from '../../internal/clock.js';
import type { HostPins } from './host-pins.js';

/** How the rounds are timed. */
export interface RoundTiming {
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const maxSlots = 64;
const minSlotMs = 25;

/**
 * One timer for all hosts in use: each comes up once within an interval, and hosts that were loaded together are spread
 * over it. A round has slots; a host stands in one of them until it comes up.
 */
export class RefreshRounds {
  readonly #timing: RoundTiming;
  readonly #onDue: (pins: HostPins) => void;
  readonly #onTick: () => void;
  readonly #slots: Set<HostPins>[];
  #cursor = 0;
  #size = 0;
  #timer: ClockTimer | undefined;
  #isStopped = false;

  constructor(timing: RoundTiming, onDue: (pins: HostPins) => void, onTick: () => void) {
    this.#timing = timing;
    this.#onDue = onDue;
    this.#onTick = onTick;
    const count = Math.min(maxSlots, Math.max(2, Math.floor(timing.intervalMs / minSlotMs)));
    this.#slots = Array.from({ length: count }, () => new Set());
  }

  /** Hosts that will come up. */
  get size(): number {
    return this.#size;
  }

  get #slotMs(): number {
    return this.#timing.intervalMs / this.#slots.length;
  }

  /** The hosts that will come up. */
  *hosts(): Generator<HostPins> {
    for (const slot of this.#slots) yield* slot;
  }

  /** A host that has just been confirmed: it comes up within an interval, a tenth earlier at most. */
  again(pins: HostPins): void {
    this.#put(pins, Math.floor((1 - 0.1 * this.#timing.random()) * this.#slots.length));
  }

  /** A host that joins: anywhere in the round, so that those that join together part. */
  join(pins: HostPins): void {
    this.#put(pins, Math.floor((0.1 + 0.9 * this.#timing.random()) * this.#slots.length));
  }

  /** A host that is to be tried again after so long, a round at most. */
  retry(pins: HostPins, afterMs: number): void {
    // Not before: the slot that is next may be over in an instant.
    this.#put(pins, Math.ceil(afterMs / this.#slotMs) + 1);
  }

  /** A host that is to come up within so long; one that comes up earlier stays where it is, however often that is said. */
  advance(pins: HostPins, withinMs: number): void {
    const count = this.#slots.length;
    const ahead = pins.slot === undefined ? count : (pins.slot - this.#cursor + count) % count;
    if (ahead > Math.ceil(withinMs / this.#slotMs) + 1) this.retry(pins, withinMs);
  }

  leave(pins: HostPins): void {
    if (pins.slot === undefined) return;
    if (this.#slots[pins.slot]?.delete(pins) === true) this.#size -= 1;
    pins.slot = undefined;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const pins of [...this.hosts()]) this.leave(pins);
  }

  #put(pins: HostPins, slots: number): void {
    if (this.#isStopped) return;
    this.leave(pins);
    const count = this.#slots.length;
    const ahead = Math.min(count - 1, Math.max(1, slots));
    pins.slot = (this.#cursor + ahead) % count;
    this.#slots[pins.slot]?.add(pins);
    this.#size += 1;
    this.#timer ??= this.#next(this.#timing.clock);
  }

  #next(clock: Clock): ClockTimer {
    return clock.after(this.#slotMs, () => this.#tick());
  }

  #tick(): void {
    this.#cursor = (this.#cursor + 1) % this.#slots.length;
    for (const pins of [...(this.#slots[this.#cursor] ?? [])]) {
      this.leave(pins);
      this.#onDue(pins);
    }
    this.#onTick();
    // Nobody in use: no timer.
    this.#timer = this.#size === 0 || this.#isStopped ? undefined : this.#next(this.#timing.clock);
  }
}
