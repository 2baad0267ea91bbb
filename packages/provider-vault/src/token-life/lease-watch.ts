import type { Clock, PinError } from '@pinvault/core';
import type { GrantedToken } from '../auth/login-answer.js';
import { AlarmClock } from './alarm-clock.js';
import { type Lease, leaseOf, remainingMs } from './lease.js';

/** What a watch does at the moments that it finds. */
export interface LeaseWatchOptions {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Asks the vault for more of the same token. @throws PinError */
  readonly renew: (lease: Lease) => Promise<GrantedToken>;
  /** The token was renewed. */
  readonly onRenewed: (lease: Lease) => void;
  /** The token will end, and cannot be renewed any further: it is time for another one. */
  readonly onEnding: (lease: Lease) => void;
  /** The first failure of a row of them; the next attempt comes by itself. */
  readonly onFailure: (error: PinError, lease: Lease) => void;
}

const firstBackOffMs = 10_000;
const maxBackOffMs = 300_000;
/** However short the leases of a vault, this is no hot loop. */
const minWaitMs = 1_000;

/**
 * Renews a token in the manner of Vault's own LifetimeWatcher: after two thirds of what is left and a third of a grace of
 * 10 to 20 %, with a back-off of 10 s to 5 min after a failure. What cannot be renewed is told after 80 to 90 % of its life.
 */
export class LeaseWatch {
  readonly #options: LeaseWatchOptions;
  readonly #alarm: AlarmClock;
  #longestMs = 0;
  #graceMs = 0;
  #failures = 0;
  /** Grows with each lease, so that the answer to an old renewal is dropped. */
  #watching = 0;

  constructor(options: LeaseWatchOptions) {
    this.#options = options;
    this.#alarm = new AlarmClock(options.clock);
  }

  /** Watches over this token, and no longer over another one. */
  start(lease: Lease): void {
    this.stop();
    this.#failures = 0;
    this.#longestMs = 0;
    this.#follow(lease);
  }

  stop(): void {
    this.#watching += 1;
    this.#alarm.cancel();
  }

  #follow(lease: Lease): void {
    const { clock, random, onEnding } = this.#options;
    const leftMs = remainingMs(lease, clock);
    if (leftMs === Infinity) return;
    if (!lease.isRenewable) {
      this.#alarm.set(Math.max(minWaitMs, leftMs * (0.8 + 0.1 * random())), () => onEnding(lease));
      return;
    }
    if (lease.durationMs > this.#longestMs) {
      this.#longestMs = lease.durationMs;
      this.#graceMs = lease.durationMs * (0.1 + 0.1 * random());
    }
    const waitMs = (leftMs * 2) / 3 + this.#graceMs / 3;
    this.#alarm.set(Math.max(minWaitMs, Math.min(waitMs, leftMs)), () => void this.#renew(lease));
  }

  async #renew(lease: Lease): Promise<void> {
    const { clock, renew, onRenewed, onEnding, onFailure } = this.#options;
    const watching = this.#watching;
    let granted: GrantedToken;
    try {
      granted = await renew(lease);
    } catch (error) {
      if (watching !== this.#watching) return;
      const failure = error as PinError;
      this.#failures += 1;
      if (failure.code === 'ERR_PROVIDER_DENIED') {
        onEnding(lease);
        return;
      }
      if (this.#failures === 1) onFailure(failure, lease);
      this.#tryAgain(lease);
      return;
    }
    if (watching !== this.#watching) return;
    this.#failures = 0;
    const renewed = leaseOf(granted, clock);
    onRenewed(renewed);
    // Its maximum is near: from here on a renewal brings less each time.
    if (remainingMs(renewed, clock) <= this.#graceMs) onEnding(renewed);
    else this.#follow(renewed);
  }

  #tryAgain(lease: Lease): void {
    const { clock, random, onEnding } = this.#options;
    const leftMs = remainingMs(lease, clock);
    if (leftMs <= minWaitMs) {
      onEnding(lease);
      return;
    }
    const backOffMs =
      Math.min(firstBackOffMs * 2 ** (this.#failures - 1), maxBackOffMs) * (0.5 + 0.5 * random());
    this.#alarm.set(Math.min(backOffMs, leftMs - minWaitMs), () => void this.#renew(lease));
  }
}
