import { PinDocumentError } from '../../errors.js';
import type { ResolverSettings } from '../options.js';
import type { StoreStatus } from '../pin-store.js';
import type { Snapshot } from '../snapshot.js';
import { type HostStatus, summarise } from '../status.js';
import { updatesOf } from '../watching.js';
import { stateOf } from './host-health.js';
import type { HostKeeper } from './host-keeper.js';
import type { HostPins } from './host-pins.js';
import type { Trouble } from './trouble.js';

const maxWorst = 10;
const maxListed = 100;

/** How all hosts stand: counts, and the worst few. */
export function statusOf(keeper: HostKeeper, { provider }: ResolverSettings, picture: Snapshot): StoreStatus {
  const { health, shelf, rounds, reads, counters, absences } = keeper;
  const troubled: HostPins[] = [];
  shelf.forEach((pins) => {
    if (pins.trouble !== undefined && troubled.length < maxListed) troubled.push(pins);
  });
  const oldest = [...new Set([...health.old(), ...troubled])]
    .sort((left, right) => right.freshness.ageMs() - left.freshness.ageMs())
    .slice(0, maxWorst)
    .map(hostStatus);
  const absent = [...absences].slice(0, maxWorst).map(([host, trouble]): HostStatus => {
    return { host, state: 'not-loaded', ...troubleStatus(trouble) };
  });
  const patterns = new Set<string>();
  for (const { pattern } of picture.document.rows) {
    if (patterns.size === maxListed) break;
    patterns.add(pattern);
  }
  const { lastError } = reads.store;
  const worst = health.worst();
  const updates = updatesOf(provider);
  return {
    state: health.state(),
    source: 'provider',
    provider: provider.name,
    ...(provider.location === undefined ? {} : { location: provider.location }),
    revision: picture.revision,
    ageMs: Math.round(worst?.freshness.ageMs() ?? 0),
    expiresAt: null,
    nextRefreshAt: null,
    breaker: reads.store.breaker,
    ...(lastError === undefined ? {} : { lastError: summarise(lastError, reads.store.lastErrorAt) }),
    ...(updates === undefined ? {} : { updates }),
    quarantined: picture.document.badRows.slice(0, maxListed),
    hosts: [...patterns],
    perHost: {
      loaded: shelf.size,
      inUse: rounds.size,
      stale: health.oldCount,
      notLoaded: absences.size,
      pending: reads.pending,
      worst: [...oldest, ...absent].slice(0, maxWorst),
    },
    counters: { reads: reads.count, ...counters },
    isClosed: keeper.isClosed,
  };
}

function hostStatus(pins: HostPins): HostStatus {
  const { host, freshness, snapshot, trouble } = pins;
  const { revision, generation } = snapshot;
  return {
    host,
    state: stateOf(pins),
    revision,
    ...(generation === undefined ? {} : { generation }),
    ageMs: Math.round(freshness.ageMs()),
    ...(trouble === undefined ? {} : troubleStatus(trouble)),
  };
}

function troubleStatus({ error, revision, since }: Trouble): Pick<HostStatus, 'lastError' | 'lastRejected'> {
  const summary = summarise(error, since.wall);
  if (!(error instanceof PinDocumentError)) return { lastError: summary };
  const row = error.key === undefined ? {} : { host: error.key };
  return { lastRejected: { ...summary, revision: revision ?? 'unknown', ...row } };
}
