import { messageWithoutCode, PinDocumentError, PinError, PinProviderError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { durationText } from '../internal/text.js';
import { decodeInTurns } from '../policy/decode.js';
import type { PinProvider } from '../provider.js';
import { adoptDocument } from './adopt.js';
import type { ResolverSettings } from './options.js';
import { isOutage } from './outage.js';
import { readOnce } from './reader.js';
import type { RequiredHosts } from './required-hosts.js';
import { describeSource, type Snapshot, snapshotOf, type SnapshotSource } from './snapshot.js';

/** The first snapshot; `failure` is why it is not the provider's. */
export interface StartedSnapshot {
  readonly snapshot: Snapshot;
  readonly failure?: PinError;
}

// With a fallback at hand, a store that fails so often in a row is taken to be away.
const attemptsBeforeFallback = 3;

/**
 * Reads the first document: repeats what may pass until `startupTimeoutMs`, then falls back where the store could not
 * be reached, throttled, failed or denied. A missing secret, a malformed document or a wrong configuration is for a
 * person to mend, so it fails the start at once.
 *
 * @throws PinError
 */
export async function startSnapshot(
  settings: ResolverSettings,
  requiredHosts: RequiredHosts,
): Promise<StartedSnapshot> {
  const { provider, fallback, clock, startupTimeoutMs } = settings;
  const startedAt = clock.monotonic();
  const remainingMs = (): number => startupTimeoutMs - (clock.monotonic() - startedAt);
  // The fallback is read within the same deadline.
  const reservedMs = fallback === undefined ? 0 : Math.min(1_000, startupTimeoutMs / 4);
  const read = (from: PinProvider, source: SnapshotSource, budgetMs: number): Promise<Snapshot> =>
    readSnapshot(from, source, { settings, requiredHosts, budgetMs });
  let failure: PinError | undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { snapshot: await read(provider, 'provider', remainingMs() - reservedMs) };
    } catch (error) {
      if (!(error instanceof PinError)) throw error;
      failure = error;
    }
    if (!isOutage(failure.code)) break;
    if (fallback !== undefined && attempt >= attemptsBeforeFallback) break;
    const asked = failure instanceof PinProviderError ? (failure.retryAfterMs ?? 0) : 0;
    const pauseMs = Math.max(asked, 200 * 2 ** Math.min(attempt - 1, 4));
    if (remainingMs() - reservedMs - pauseMs < 50) break;
    await pause(clock, pauseMs);
  }
  const mayFallBack = isOutage(failure.code) || failure.code === 'ERR_PROVIDER_DENIED';
  if (fallback === undefined || !mayFallBack) throw explain(failure, settings);
  const snapshot = await read(fallback, 'fallback', Math.max(remainingMs(), reservedMs));
  return { snapshot, failure };
}

interface FirstRead {
  readonly settings: ResolverSettings;
  readonly requiredHosts: RequiredHosts;
  readonly budgetMs: number;
}

async function readSnapshot(
  provider: PinProvider,
  source: SnapshotSource,
  { settings, requiredHosts, budgetMs }: FirstRead,
): Promise<Snapshot> {
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
  const { revision } = result;
  try {
    const decoded = await decodeInTurns(result.document, { maxDocumentBytes });
    const document = adoptDocument(decoded, undefined, requiredHosts);
    return snapshotOf(document, revision, { source, provider, fetchedAt: clock.now() });
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
function explain(failure: PinError, settings: ResolverSettings): PinError {
  if (!(failure instanceof PinProviderError) || !isOutage(failure.code)) return failure;
  const { provider, retryAfterMs, detail } = failure;
  const text = messageWithoutCode(failure);
  const waited = durationText(settings.startupTimeoutMs);
  return new PinProviderError(
    failure.code,
    `no pins within ${waited}: ${text}; give the service a fallback (PINVAULT_FALLBACK_PINS) to start without the store`,
    { provider, retryAfterMs, detail, cause: failure },
  );
}
