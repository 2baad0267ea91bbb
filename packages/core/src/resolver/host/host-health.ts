import type { Clock } from '../../internal/clock.js';
import { durationText } from '../../internal/text.js';
import { type PinEventHub, snapshotEvent } from '../events.js';
import type { FreshnessState } from '../freshness.js';
import type { HostPins } from './host-pins.js';
import type { HostWarnings } from './host-warnings.js';

/** Warnings about age begin here; up to then events and `status()` tell. */
const staleWarningMs = 3_600_000;

/** What is over when no host in use is old any more. */
const outageWarnings = /^(?:ERR_(?:PROVIDER|RESOLVER)_|PINVAULT_(?:STALE|FALLBACK)$)/u;

/** What {@link HostHealth} needs, and where it tells. */
export interface HostHealthContext {
  readonly resolver: string;
  readonly clock: Clock;
  readonly events: PinEventHub;
  readonly warnings: HostWarnings;
  /** Hosts that the timer keeps fresh. */
  readonly inUseCount: () => number;
}

/** How one host stands. */
export function stateOf(pins: HostPins): FreshnessState {
  if (pins.isExpired()) return 'expired';
  return pins.snapshot.source !== 'provider' || pins.freshness.isOld() ? 'stale' : 'fresh';
}

/**
 * How a resolver with one document per host is doing: `stale` while a host in use is, `expired` when all of them are.
 * Each change is told once, with the host that is worst.
 */
export class HostHealth {
  readonly #context: HostHealthContext;
  // Hosts in use that are not fresh.
  readonly #old = new Map<string, HostPins>();
  #announced: FreshnessState = 'fresh';
  #isStopped = false;

  constructor(context: HostHealthContext) {
    this.#context = context;
  }

  /** Hosts in use that are not fresh. */
  get oldCount(): number {
    return this.#old.size;
  }

  state(): FreshnessState {
    if (this.#old.size === 0) return 'fresh';
    if (this.#old.size < this.#context.inUseCount()) return 'stale';
    for (const pins of this.#old.values()) if (!pins.isExpired()) return 'stale';
    return 'expired';
  }

  /** The host that was confirmed longest ago among those that are not fresh. */
  worst(): HostPins | undefined {
    let worst: HostPins | undefined;
    for (const pins of this.#old.values())
      if (worst === undefined || pins.freshness.ageMs() > worst.freshness.ageMs()) worst = pins;
    return worst;
  }

  /** The hosts in use that are not fresh. */
  old(): Iterable<HostPins> {
    return this.#old.values();
  }

  /** A host in use has come up, or could not be read. */
  watch(pins: HostPins): void {
    if (stateOf(pins) === 'fresh') this.#old.delete(pins.host);
    else this.#old.set(pins.host, pins);
  }

  /** The host has been confirmed, is idle, or gone. */
  forget(pins: HostPins): void {
    if (!this.#old.delete(pins.host) || this.#old.size > 0) return;
    this.#recovered(pins);
  }

  /** Tells where the state is another than was told last. */
  tell(): void {
    const worst = this.worst();
    if (this.#isStopped || worst === undefined) return;
    const { resolver, clock, events, warnings } = this.#context;
    const state = this.state();
    const { host, snapshot, freshness } = worst;
    const ageMs = freshness.ageMs();
    if (ageMs >= staleWarningMs) {
      const text = `pins of ${this.#old.size} hosts in use were confirmed up to ${durationText(ageMs)} ago (${host}) and stay in force`;
      warnings.common.say('PINVAULT_STALE', '', text);
    }
    if (state === this.#announced || state === 'fresh') return;
    this.#announced = state;
    if (state === 'expired')
      warnings.common.say('ERR_RESOLVER_EXPIRED', '', 'the pins of all hosts in use are past their limit');
    const about = { resolver, at: clock.now(), snapshot, host };
    events.emit(snapshotEvent(state, about, { ageMs: Math.round(ageMs) }));
  }

  stop(): void {
    this.#isStopped = true;
    this.#old.clear();
  }

  #recovered({ host, snapshot }: HostPins): void {
    if (this.#isStopped || this.#announced === 'fresh') return;
    this.#announced = 'fresh';
    const { resolver, clock, events, warnings } = this.#context;
    warnings.forget(outageWarnings);
    events.emit(snapshotEvent('recovered', { resolver, at: clock.now(), snapshot, host }, {}));
  }
}
