import type { Clock, ClockTimer } from '../../internal/clock.js';

/** What pushes need of the keeper of hosts. */
export interface PushedReads {
  readonly clock: Clock;
  readonly isLoaded: (host: string) => boolean;
  /** A read that has begun may have been answered before the change. */
  readonly isBeingRead: (host: string) => boolean;
  /** Reads a host now, or joins the read that is under way. Never rejects. */
  readonly load: (host: string) => Promise<unknown>;
}

const gapMs = 1_000;

/**
 * Reads hosts of which somebody says that they have changed: at once, then once a second at most however often that is
 * said, and once more for what was said meanwhile.
 */
export class HostPushes {
  readonly #reads: PushedReads;
  // Hosts that were read a moment ago, and whether they are to be read again.
  readonly #recent = new Map<string, { isWantedAgain: boolean; timer?: ClockTimer }>();

  constructor(reads: PushedReads) {
    this.#reads = reads;
  }

  /** Something has changed in one host. One that is not loaded is read by who needs it. */
  push(host: string): void {
    if (!this.#reads.isLoaded(host)) return;
    const recent = this.#recent.get(host);
    if (recent === undefined) void this.#read(host);
    else recent.isWantedAgain = true;
  }

  stop(): void {
    for (const { timer } of this.#recent.values()) timer?.cancel();
    this.#recent.clear();
  }

  async #read(host: string): Promise<void> {
    const { clock, isBeingRead, load } = this.#reads;
    const recent: { isWantedAgain: boolean; timer?: ClockTimer } = { isWantedAgain: isBeingRead(host) };
    this.#recent.set(host, recent);
    await load(host);
    if (this.#recent.get(host) !== recent) return;
    recent.timer = clock.after(gapMs, () => {
      this.#recent.delete(host);
      if (recent.isWantedAgain) this.push(host);
    });
  }
}
