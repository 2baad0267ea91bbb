import { PinDocumentError, type PinError, PinProviderError } from '../../errors.js';
import type { Clock } from '../../internal/clock.js';
import { elapsedMs, type Moment, momentOf } from '../moment.js';
import { isOutage } from '../outage.js';
import { Pace } from '../pace.js';
import type { StoreWatch } from './store-watch.js';

/** Why a host could not be read, and when it may be tried again. */
export interface Trouble {
  readonly error: PinError;
  /** Of the document that was refused. */
  readonly revision: string | undefined;
  readonly since: Moment;
  readonly forMs: number;
  /** Of an outage: how often the store had come back by then. */
  readonly recoveries: number | undefined;
  readonly pace: Pace;
}

/** How the next attempt is found. */
export interface TroubleTiming {
  readonly intervalMs: number;
  readonly random: () => number;
  readonly clock: Clock;
  readonly store: StoreWatch;
}

/** Longest time for which a host that is not loaded is taken to have no pins without asking again. */
const maxAbsenceMs = 30_000;

/**
 * What follows from a failed or refused read: an outage backs off, a denied token waits a minute, and what the store has
 * answered is asked again after an interval. A host that is not loaded waits 30 s at most, since somebody needs it.
 */
export function troubleAfter(
  error: PinError,
  revision: string | undefined,
  { intervalMs, random, clock, store }: TroubleTiming,
  { previous, isLoaded }: { readonly previous: Trouble | undefined; readonly isLoaded: boolean },
): Trouble {
  const pace = previous?.pace ?? new Pace(intervalMs, random);
  const hasFailed = !(error instanceof PinDocumentError);
  const isAway = hasFailed && isOutage(error.code);
  const isDenied = hasFailed && error.code === 'ERR_PROVIDER_DENIED';
  const retryAfterMs = error instanceof PinProviderError ? error.retryAfterMs : undefined;
  const forMs = pace.delayAfterMs(
    isAway || isDenied ? { failed: true, isDenied, retryAfterMs } : { failed: false },
  );
  return {
    error,
    revision,
    since: momentOf(clock),
    forMs: isLoaded ? forMs : Math.min(forMs, maxAbsenceMs),
    recoveries: isAway ? store.recoveries : undefined,
    pace,
  };
}

/** Whether the host may be tried again. */
export function isOver(
  { since, forMs, recoveries }: Trouble,
  { clock, store }: Pick<TroubleTiming, 'clock' | 'store'>,
): boolean {
  if (recoveries !== undefined && recoveries !== store.recoveries) return true;
  return elapsedMs(since, clock) >= forMs;
}
