import { PinDocumentError, type PinError, PinResolverError } from '../../errors.js';
import { durationText } from '../../internal/text.js';
import type { PinDocument } from '../../policy/document.js';
import { compareDocuments, unitedRevocations } from '../adopt.js';
import { type NewsContext, tellReviews, tellRows, tellSameGeneration } from '../document-news.js';
import { type PinEventHub, snapshotEvent } from '../events.js';
import { Freshness } from '../freshness.js';
import { elapsedMs, type Moment, momentOf } from '../moment.js';
import type { ResolverSettings } from '../options.js';
import { isOutage } from '../outage.js';
import { unusableAnswer } from '../read-document.js';
import { RequiredHosts } from '../required-hosts.js';
import { describeSource, locationOf, type Snapshot, snapshotOf } from '../snapshot.js';
import type { Warnings } from '../warnings.js';
import { HostFallback } from './host-fallback.js';
import { HostHealth, stateOf } from './host-health.js';
import { HostPins } from './host-pins.js';
import { HostReads } from './host-reads.js';
import { HostShelf } from './host-shelf.js';
import { HostWarnings } from './host-warnings.js';
import { notLoaded } from './not-loaded.js';
import { RefreshRounds } from './refresh-rounds.js';
import { isOver, type Trouble, troubleAfter, type TroubleTiming } from './trouble.js';

/** Where a keeper of hosts tells what happens. */
export interface HostKeeperContext {
  readonly settings: ResolverSettings;
  readonly events: PinEventHub;
  readonly warnings: Warnings;
}

/** A host is in use for so many intervals after the last check or request. */
const intervalsInUse = 2;

/** Keeps one document per host: loads on first use, refreshes those in use, and remembers who has none. */
export class HostKeeper {
  readonly counters = { readFailures: 0, documentsRejected: 0, rotations: 0 };
  readonly shelf: HostShelf;
  readonly rounds: RefreshRounds;
  readonly reads: HostReads;
  readonly health: HostHealth;
  readonly #context: HostKeeperContext;
  readonly #warnings: HostWarnings;
  readonly #closing = new AbortController();
  readonly #absences: LRUCache<string, Trouble>;
  readonly #required: ReadonlyMap<string, RequiredHosts>;
  readonly #fallback: HostFallback | undefined;
  readonly #timing: TroubleTiming;
  // What was confirmed before counts as old: somebody says that something has changed.
  #pushedAt: Moment | undefined;
}
