import type { Freshness } from '../freshness.js';
import type { Snapshot } from '../snapshot.js';
import type { Trouble } from './trouble.js';

/**
 * One host that has pins: what the resolver of a single document holds once. Kept lean, since there may be tens of
 * thousands.
 */
export class HostPins {
  /** Normalised. */
  readonly host: string;
  readonly freshness: Freshness;
  /** The last good one. */
  snapshot: Snapshot;
  /** What `$generation` may not go below. */
  generationFloor: number | undefined;
  /** What went wrong since the pins were confirmed last. */
  trouble: Trouble | undefined;
  /** Monotonic ms of the last check or request. */
  usedAt: number;
  /** Its place in the rounds of the timer; `undefined` while it is idle and the timer leaves it alone. */
  slot: number | undefined;

  constructor(host: string, snapshot: Snapshot, freshness: Freshness, usedAt: number) {
    this.host = host;
    this.freshness = freshness;
    this.snapshot = snapshot;
    this.generationFloor = undefined;
    this.trouble = undefined;
    this.usedAt = usedAt;
    this.slot = undefined;
  }

  /** Past the hard limit, or its document's `$expires`. */
  isExpired(now?: number): boolean {
    return this.freshness.isExpired(this.snapshot.document.expiresAt, now);
  }
}
