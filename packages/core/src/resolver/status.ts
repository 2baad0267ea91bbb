import type { PinError } from '../errors.js';
import type { BadRow, EnforcementMode } from '../policy/document.js';
import type { ProviderUpdates } from '../provider.js';
import type { FreshnessState } from './freshness.js';
import type { BreakerState } from './pace.js';
import type { Notes, SnapshotSource } from './snapshot.js';

/** An error as plain data. */
export interface ErrorSummary {
  readonly code: string;
  readonly message: string;
  /** Epoch ms. */
  readonly at: number;
}

/** The last document that was refused whole. */
export interface RejectedSummary extends ErrorSummary {
  readonly revision: string;
  /** The row that is at fault, where one is. */
  readonly host?: string;
}

/** Counters since the start of the resolver. */
export interface ResolverCounters {
  readonly reads: number;
  readonly readFailures: number;
  readonly documentsRejected: number;
  readonly rotations: number;
  readonly matches: number;
  readonly mismatches: number;
  readonly reported: number;
  readonly unpinned: number;
}

/** How the copy on disk stands. */
export interface LastKnownGoodStatus {
  readonly path: string;
  /** When this process last wrote it (epoch ms); `null` for not yet. */
  readonly writtenAt: number | null;
  /** Why the copy was not used, or could not be written; gone after a good write. */
  readonly problem?: string;
}

/** One host of a resolver that has one document per host. */
export interface HostStatus {
  readonly host: string;
  readonly state: FreshnessState | 'not-loaded';
  readonly revision?: string;
  readonly generation?: number;
  /** Since the provider last confirmed its pins. */
  readonly ageMs?: number;
  readonly lastError?: ErrorSummary;
  readonly lastRejected?: RejectedSummary;
}

/** The hosts of a resolver that has one document per host: counts, and the few that are worst off. */
export interface PerHostStatus {
  readonly loaded: number;
  /** Refreshed by the timer: used lately, required, or with live connections. */
  readonly inUse: number;
  /** In use, and not fresh. */
  readonly stale: number;
  /** Asked for lately, and without usable pins. */
  readonly notLoaded: number;
  /** Reads under way or waiting. */
  readonly pending: number;
  /** Ten at most. */
  readonly worst: readonly HostStatus[];
}

/** How a resolver stands: plain JSON, for health endpoints. Durations in ms, instants in epoch ms. */
export interface ResolverStatus {
  readonly name: string;
  readonly state: FreshnessState;
  readonly source: SnapshotSource;
  readonly mode: EnforcementMode;
  readonly provider: string;
  readonly location?: string;
  readonly revision: string;
  readonly generation?: number;
  /** Since the provider last confirmed the pins in force. */
  readonly ageMs: number;
  /** When the pins in force end; `null` for never. */
  readonly expiresAt: number | null;
  /** When the provider is read next; `null` while a read is under way or the resolver is closed. */
  readonly nextRefreshAt: number | null;
  /** `open` after five failed reads in a row: only the timer reads then, once each time (`half-open`). */
  readonly breaker: BreakerState;
  /** Why the last read failed; gone after a good one. */
  readonly lastError?: ErrorSummary;
  readonly lastRejected?: RejectedSummary;
  /** Present where `lastKnownGood` is set. */
  readonly lastKnownGood?: LastKnownGoodStatus;
  /** What people have written beside the document in the store (Vault's custom metadata), where one document holds all hosts. */
  readonly notes?: Notes;
  /** How changes are noticed, where the provider says so. */
  readonly updates?: ProviderUpdates;
  /** Rows that were set aside. */
  readonly quarantined: readonly BadRow[];
  /** Patterns in force; where each host has a document of its own, a hundred at most. */
  readonly hosts: readonly string[];
  /** Where each host has a document of its own. */
  readonly perHost?: PerHostStatus;
  readonly counters: ResolverCounters;
  readonly isClosed: boolean;
}

/** An error, without its stack and causes. */
export function summarise(error: PinError, at: number): ErrorSummary {
  return { code: error.code, message: error.message, at };
}
