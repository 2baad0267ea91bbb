import { VirtualClock } from '@pinvault/testing';
import { createPinResolver, type PinProvider, PinProviderError, type PinResolver } from 'pinvault';
import { seededRandom } from '../support/seeded-random.js';

/** A fleet, and what happens to it. Durations in seconds. */
export interface FleetOptions {
  readonly instances: number;
  readonly intervalSeconds: number;
  /** All instances are deployed in second 0. */
  readonly outageFrom: number;
  readonly outageUntil: number;
  /** A change that a bridge pushes to every instance at once. */
  readonly pushAt: number;
  readonly until: number;
  readonly seed: number;
}

/** What the store sees. */
export interface FleetReads {
  /** First reads, and those that a push asks for at once, by second: nobody can spread them. */
  readonly shared: readonly number[];
  /** All other reads, by second. */
  readonly refreshes: readonly number[];
}

// The resolver's own deepest chain of promises has some twenty; what is left over fails the run.
const microtasks = 60;

async function settle(): Promise<void> {
  for (let turn = 0; turn < microtasks; turn += 1) await Promise.resolve();
}

/**
 * Runs real resolvers over a store in memory, under one clock: nothing of their pacing is copied here. Deterministic.
 */
export async function simulateFleet(options: FleetOptions): Promise<FleetReads> {
  const { instances, intervalSeconds, outageFrom, outageUntil, pushAt, until, seed } = options;
  const clock = new VirtualClock(Date.UTC(2027, 2, 1));
  const startedAt = clock.monotonic();
  const shared = Array.from({ length: until }, () => 0);
  const refreshes = Array.from({ length: until }, () => 0);
  const documents: Readonly<Record<string, object>> = {
    '1': { 'api.example.test': 'none' },
    '2': { 'api.example.test': 'block' },
  };
  let revision = '1';
  let isShared = true;
  const store: PinProvider = {
    name: 'memory',
    read: async ({ knownRevision }) => {
      const second = Math.min(until - 1, Math.floor((clock.monotonic() - startedAt) / 1_000));
      const counted = isShared ? shared : refreshes;
      counted[second] = (counted[second] ?? 0) + 1;
      if (second >= outageFrom && second < outageUntil)
        throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'the store is down', { provider: 'memory' });
      return knownRevision === revision
        ? { unchanged: true, revision }
        : { document: documents[revision] ?? {}, revision };
    },
  };
  const random = seededRandom(seed);
  const fleet: PinResolver[] = await Promise.all(
    Array.from({ length: instances }, () =>
      createPinResolver(
        { provider: store, clock, random, warnings: false, refreshIntervalMs: intervalSeconds * 1_000 },
        {},
      ),
    ),
  );
  isShared = false;
  await clock.advance(pushAt * 1_000, settle);
  revision = '2';
  isShared = true;
  for (const pins of fleet) pins.notify(revision);
  // The gap after the last read may hold a push back for a second.
  await clock.advance(1_000, settle);
  isShared = false;
  await clock.advance((until - pushAt - 1) * 1_000, settle);
  for (const pins of fleet) {
    const { revision: found, state, nextRefreshAt } = pins.status();
    if (found !== '2' || state !== 'fresh' || nextRefreshAt === null)
      throw new Error(`an instance is ${state} with revision ${found}`);
    await pins.close();
  }
  return { shared, refreshes };
}

/** The mean of a fleet whose instances read at the interval: reads per second. */
export function meanReads({
  instances,
  intervalSeconds,
}: Pick<FleetOptions, 'instances' | 'intervalSeconds'>): number {
  return instances / intervalSeconds;
}

/** The highest second of a part of the time. */
export function peak(reads: readonly number[], from: number, until: number): number {
  return Math.max(...reads.slice(from, until));
}
