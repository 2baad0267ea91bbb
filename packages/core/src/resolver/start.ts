import { messageWithoutCode, PinDocumentError, PinError, PinProviderError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { durationText } from '../internal/text.js';
import { decodeDocument } from '../policy/decode.js';
import type { PinDocument } from '../policy/document.js';
import type { PinProvider } from '../provider.js';
import { adoptDocument, refuseEnded, refuseRollback, withRevocationsOf } from './adopt.js';
import type { Recalled } from './last-known-good.js';
import type { ResolverSettings } from './options.js';
import { isOutage, mayServeLastKnownGood } from './outage.js';
import { readOnce } from './reader.js';
import type { RequiredHosts } from './required-hosts.js';
import { describeSource, type Snapshot, snapshotOf, type SnapshotSource } from './snapshot.js';

/** The first snapshot; `failure` is why it is not the provider's. */
export interface StartedSnapshot {
  readonly snapshot: Snapshot;
  /** The document as the provider handed it over, where it is the provider's. */
  readonly raw?: string | Uint8Array | object;
  readonly failure?: PinError;
  /** No document may have a lower `$generation`. */
  readonly generationFloor?: number | undefined;
  /** How long ago the pins were confirmed, where that was before this process began. */
  readonly ageMs?: number;
}

// With a fallback at hand, a store that fails so often in a row is taken to be away.
const attemptsBeforeFallback = 3;

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
  const { provider, fallback, clock, startupTimeoutMs } = settings;
  const startedAt = clock.monotonic();
  const remainingMs = (): number => startupTimeoutMs - (clock.monotonic() - startedAt);
  // The fallback is read within the same deadline.
  const reservedMs = fallback === undefined ? 0 : Math.min(1_000, startupTimeoutMs / 4);
  const read = (from: PinProvider, source: SnapshotSource, budgetMs: number): Promise<StartedSnapshot> =>
    readSnapshot(from, source, { settings, requiredHosts, recalled, budgetMs });
  const hasOther = fallback !== undefined || recalled.pins !== undefined;
  let failure: PinError | undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read(provider, 'provider', remainingMs() - reservedMs);
    } catch (error) {
      if (!(error instanceof PinError)) throw error;
      failure = error;
    }
    if (!isOutage(failure.code)) break;
    if (hasOther && attempt >= attemptsBeforeFallback) break;
    const asked = failure instanceof PinProviderError ? (failure.retryAfterMs ?? 0) : 0;
    const pauseMs = Math.max(asked, 200 * 2 ** Math.min(attempt - 1, 4));
    if (remainingMs() - reservedMs - pauseMs < 50) break;
    await pause(clock, pauseMs);
  }
  const { pins, generationFloor } = recalled;
  if (pins !== undefined && mayServeLastKnownGood(failure.code)) {
    const from = { source: 'last-known-good', provider, fetchedAt: pins.fetchedAt } as const;
    const snapshot = snapshotOf(pins.document, pins.revision, from);
    return { snapshot, failure, generationFloor, ageMs: pins.ageMs };
  }
  const mayFallBack = isOutage(failure.code) || failure.code === 'ERR_PROVIDER_DENIED';
  if (fallback === undefined || !mayFallBack) throw explain(failure, settings, recalled);
  const { snapshot } = await read(fallback, 'fallback', Math.max(remainingMs(), reservedMs));
  return { snapshot, failure, generationFloor };
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
  const result = await readOnce(provider, undefined, limits, clock);
  if ('unchanged' in result) {
    throw unexpectedlyUnchanged(provider);
  }
  const { revision, document: raw } = result;
  const snapshot = (document: PinDocument): Snapshot =>
    snapshotOf(document, revision, { source, provider, fetchedAt: clock.now() });
  try {
    const decoded = decodeDocument(raw, { maxDocumentBytes });
    if (source === 'fallback') {
      const document = adoptDocument(decoded, undefined, requiredHosts);
      return { snapshot: snapshot(withRevocationsOf(document, recalled.document)) };
    }
    const { pins, generationFloor } = recalled;
    refuseRollback(decoded, generationFloor, 'the last known good one on disk');
    if (pins !== undefined) refuseEnded(decoded, clock.now());
    const document = adoptDocument(decoded, pins?.document, requiredHosts);
    return { snapshot: snapshot(document), raw, generationFloor: document.generation };
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
