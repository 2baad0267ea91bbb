import {
  messageWithoutCode,
  PinDocumentError,
  PinError,
  type PinErrorCode,
  PinProviderError,
} from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { durationText } from '../internal/text.js';
import { decodeInTurns } from '../policy/decode.js';
import type { PinDocument } from '../policy/document.js';
import type { PinProvider } from '../provider.js';
import { adoptDocument, refuseEnded, refuseRollback, withRevocationsOf } from './adopt.js';
import type { Recalled } from './last-known-good.js';
import { type Moment, momentOf } from './moment.js';
import type { ResolverSettings } from './options.js';
import { isOutage, mayServeLastKnownGood } from './outage.js';
import { readOnce } from './reader.js';
import type { RequiredHosts } from './required-hosts.js';
import { describeSource, type Snapshot, snapshotOf, type SnapshotSource } from './snapshot.js';

/** The first snapshot; `failure` is why it is not the provider's. */
export interface StartedSnapshot {
  readonly snapshot: Snapshot;
  /** When the store was asked for what is in the snapshot: age counts from then. */
  readonly confirmedAt: Moment;
  /** The document as the provider handed it over, where it is the provider's. */
  readonly raw?: string | Uint8Array | object;
  readonly failure?: PinError;
  /** No document may have a lower `$generation`. */
  readonly generationFloor?: number | undefined;
}

// With something else at hand, a store that fails so often in a row is taken to be away.
const attemptsBeforeSubstitutes = 3;

/**
 * Reads the first document: repeats what may pass until `startupTimeoutMs`, then takes what is next in line.
 *
 * The last known good pins serve as the memory of a process that had gone on would: whatever the store does, a wrong
 * configuration apart. The fallback serves only where the store could not be reached, throttled, failed or denied: a
 * missing secret, a malformed document or a wrong configuration is for a person to mend, so it fails the start at once.
 *
 * @throws PinError
 */
export async function startSnapshot(
  settings: ResolverSettings,
  requiredHosts: RequiredHosts,
  recalled: Recalled,
): Promise<StartedSnapshot> {
  const { provider, clock, startupTimeoutMs, random } = settings;
  const startedAt = clock.monotonic();
  const remainingMs = (): number => startupTimeoutMs - (clock.monotonic() - startedAt);
  const first = { settings, requiredHosts, recalled };
  const substitutes = substitutesFor(first);
  // They are read within the same deadline.
  const reservedMs = substitutes.length === 0 ? 0 : Math.min(1_000, startupTimeoutMs / 4);
  let failure: PinError | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const budgetMs = remainingMs() - reservedMs;
    try {
      return await readSnapshot(provider, 'provider', { ...first, budgetMs });
    } catch (error) {
      if (!(error instanceof PinError)) throw error;
      // A read that the end of the start has cut short says less than the one before it.
      const isCut = budgetMs < settings.readTimeoutMs && error.code === 'ERR_PROVIDER_TIMEOUT';
      if (failure === undefined || !isCut) failure = error;
    }
    if (!isOutage(failure.code)) break;
    if (substitutes.length > 0 && attempt >= attemptsBeforeSubstitutes) break;
    const asked = failure instanceof PinProviderError ? (failure.retryAfterMs ?? 0) : 0;
    // Up to a half comes off, so that instances that were deployed together do not come back together.
    const pauseMs = Math.max(asked, 200 * 2 ** Math.min(attempt - 1, 4) * (1 - 0.5 * random()));
    if (remainingMs() - reservedMs - pauseMs < 50) break;
    await pause(clock, pauseMs);
  }
  for (const substitute of substitutes) {
    if (!substitute.serves(failure.code)) continue;
    return { ...(await substitute.take(Math.max(remainingMs(), reservedMs))), failure };
  }
  throw explain(failure, settings, recalled);
}

/** What serves while the provider cannot. */
interface Substitute {
  serves(code: PinErrorCode): boolean;
  take(budgetMs: number): Promise<StartedSnapshot>;
}

/** In the order of their precedence. */
function substitutesFor(first: Omit<FirstRead, 'budgetMs'>): readonly Substitute[] {
  const { settings, recalled } = first;
  const { provider, fallback, clock } = settings;
  const { pins, generationFloor } = recalled;
  const substitutes: Substitute[] = [];
  if (pins !== undefined) {
    const { document, revision, fetchedAt, ageMs } = pins;
    const snapshot = snapshotOf(document, revision, { source: 'last-known-good', provider, fetchedAt });
    const confirmedAt = { wall: clock.now() - ageMs, monotonic: clock.monotonic() - ageMs };
    substitutes.push({
      serves: mayServeLastKnownGood,
      take: async () => ({ snapshot, confirmedAt, generationFloor }),
    });
  }
  if (fallback !== undefined) {
    substitutes.push({
      serves: (code) => isOutage(code) || code === 'ERR_PROVIDER_DENIED',
      take: (budgetMs) => readSnapshot(fallback, 'fallback', { ...first, budgetMs }),
    });
  }
  return substitutes;
}

interface FirstRead {
  readonly settings: ResolverSettings;
  readonly requiredHosts: RequiredHosts;
  readonly recalled: Recalled;
  readonly budgetMs: number;
}

async function readSnapshot(
  provider: PinProvider,
  source: SnapshotSource,
  { settings, requiredHosts, recalled, budgetMs }: FirstRead,
): Promise<StartedSnapshot> {
  const { clock, readTimeoutMs, maxDocumentBytes } = settings;
  const limits = {
    timeoutMs: Math.max(1, Math.min(readTimeoutMs, budgetMs)),
    signal: new AbortController().signal,
    keepAlive: true,
  };
  const confirmedAt = momentOf(clock);
  const result = await readOnce(provider, undefined, limits, clock);
  if ('unchanged' in result) {
    throw unexpectedlyUnchanged(provider);
  }
  const { revision, document: raw, notes } = result;
  const snapshot = (document: PinDocument): Snapshot =>
    snapshotOf(document, revision, { source, provider, fetchedAt: clock.now(), notes });
  try {
    const decoded = await decodeInTurns(raw, { maxDocumentBytes });
    const { pins, generationFloor } = recalled;
    if (source === 'fallback') {
      const document = adoptDocument(decoded, undefined, requiredHosts);
      return {
        snapshot: snapshot(withRevocationsOf(document, recalled.document)),
        confirmedAt,
        generationFloor,
      };
    }
    refuseRollback(decoded, generationFloor, 'the last known good one on disk');
    if (pins !== undefined) refuseEnded(decoded, clock.now());
    const document = adoptDocument(decoded, pins?.document, requiredHosts);
    return { snapshot: snapshot(document), confirmedAt, raw, generationFloor: document.generation };
  } catch (error) {
    // Nobody has seen a document yet, so its error says where it lies.
    const where = describeSource({ provider: provider.name, location: provider.location });
    throw error instanceof PinDocumentError ? error.in(`${where}, revision ${revision}`) : error;
  }
}

/** A provider that says "unchanged" without having been told a revision. */
export function unexpectedlyUnchanged({ name }: PinProvider): PinProviderError {
  return new PinProviderError(
    'ERR_PROVIDER_UNAVAILABLE',
    `${name} answered "unchanged" to a read that named no revision`,
    {
      provider: name,
    },
  );
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve, true));
}

/** After a while of trying, the last failure alone would not say that there was a while. */
function explain(failure: PinError, settings: ResolverSettings, { whyNot }: Recalled): PinError {
  if (!(failure instanceof PinProviderError) || !isOutage(failure.code)) return failure;
  const { provider, retryAfterMs, detail } = failure;
  const text = messageWithoutCode(failure);
  const waited = durationText(settings.startupTimeoutMs);
  const copy =
    settings.lastKnownGood === undefined ? '' : `; the last known good pins do not serve: ${whyNot}`;
  return new PinProviderError(
    failure.code,
    `no pins within ${waited}: ${text}${copy}; give the service a fallback (PINVAULT_FALLBACK_PINS) to start without the store`,
    { provider, retryAfterMs, detail, cause: failure },
  );
}
