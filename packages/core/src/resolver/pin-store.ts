import type { Target } from '../policy/host.js';
import type { NodeCertificate } from '../verify/certificate.js';
import type { Evidence } from '../verify/evidence.js';
import type { PinEventHub } from './events.js';
import type { FreshnessState } from './freshness.js';
import type { Lookup, Verdict } from './judgement.js';
import type { RefreshOutcome } from './keeper.js';
import type { ResolverSettings } from './options.js';
import type { Snapshot } from './snapshot.js';
import type { ResolverStatus } from './status.js';
import type { Warnings } from './warnings.js';

/** What a store starts with, and where it tells what happens. */
export interface StoreContext {
  readonly settings: ResolverSettings;
  readonly events: PinEventHub;
  readonly warnings: Warnings;
}

/** A store that has what it needs; `begin` tells of the start, once there is a resolver to tell of. */
export interface StartedStore {
  readonly store: PinStore;
  readonly begin: () => void;
}

/** What a store of pins knows of a resolver's status. */
export type StoreStatus = Omit<ResolverStatus, 'name' | 'mode' | 'counters'> & {
  readonly counters: Pick<
    ResolverStatus['counters'],
    'reads' | 'readFailures' | 'documentsRejected' | 'rotations'
  >;
};

/** The pins behind a resolver: those of one document, or of one per host. It keeps them current and judges under them. */
export interface PinStore {
  readonly snapshot: Snapshot;
  readonly isClosed: boolean;
  /** The present state, for who listens from now on. */
  readonly present: { readonly state: FreshnessState; readonly ageMs: number };
  /** @throws PinResolverError (`ERR_RESOLVER_CLOSED`) */
  assertOpen(): void;
  lookup(target: Target): Lookup;
  verify(target: Target, certificate: NodeCertificate): Verdict;
  judge(evidence: Evidence): Verdict;
  /** Epoch ms: until then the clock alone changes nothing about what `judge` has just answered. */
  validUntil(evidence: Evidence): number;
  /** The evidence of a handshake that was refused with this error. */
  evidenceOf(refusal: Error): Evidence | undefined;
  /** What decides about a host (normalised) now. */
  snapshotFor(host: string): Snapshot | undefined;
  /** A handshake with the host was refused: a read that may bring what it lacked, where one is to be had now. */
  readAfterMismatch(host: string): Promise<unknown> | undefined;
  /** Waits for a read, 2 s at most. */
  waitFor(read: Promise<unknown>): Promise<void>;
  ready(host: string | undefined): Promise<void>;
  ensureFresh(host: string | undefined): Promise<void>;
  prepare(target: Target): Promise<void> | undefined;
  retain(target: Target): () => void;
  refresh(host: string | undefined): Promise<RefreshOutcome>;
  notify(revision: string | undefined, host: string | undefined): void;
  status(): StoreStatus;
  stop(): void;
  /** Resolves when nothing is on its way to the disk any more. */
  settled?(): Promise<void>;
}
