import { messageWithoutCode, PinDocumentError, PinError, PinProviderError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { durationText } from '../internal/text.js';
import { decodeDocument } from '../policy/decode.js';
import type { PinProvider } from '../provider.js';
import { adoptDocument } from './adopt.js';
import { type Moment, momentOf } from './moment.js';
import type { ResolverSettings } from './options.js';
import { isOutage } from './outage.js';
import { readOnce } from './reader.js';
import type { RequiredHosts } from './required-hosts.js';
import { describeSource, type Snapshot, snapshotOf, type SnapshotSource } from './snapshot.js';

/** The first snapshot; `failure` is why it is not the provider's. */
export interface StartedSnapshot {
  readonly snapshot: Snapshot;
  /** When the store was asked for what is in the snapshot: age counts from then. */
  readonly confirmedAt: Moment;
  readonly failure?: PinError;
}

// With something else at hand, a store that fails so often in a row is taken to be away.
const attemptsBeforeSubstitutes = 3;

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
  const { provider, clock, startupTimeoutMs, random } = settings;
  const startedAt = clock.monotonic();
  const remainingMs = (): number => startupTimeoutMs - (clock.monotonic() - startedAt);
  const substitutes = substitutesFor(settings, requiredHosts);
  // They are read within the same deadline.
  const reservedMs = substitutes.length === 0 ? 0 : Math.min(1_000, startupTimeoutMs / 4);
  let failure: PinError | undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readSnapshot(provider, 'provider', {
        settings,
        requiredHosts,
        budgetMs: remainingMs() - reservedMs,
      });
    } catch (error) {
      if (!(error instanceof PinError)) throw error;
      failure = error;
    }
    if (!isOutage(failure.code)) break;
    if (substitutes.length > 0 && attempt >= attemptsBeforeSubstitutes) break;
    const asked = failure instanceof PinProviderError ? (failure.retryAfterMs ?? 0) : 0;
    // Up to a half comes off, so that instances that were deployed together do not come back together.
    const pauseMs = Math.max(asked, 200 * 2 ** Math.min(attempt - 1, 4) * (1 - 0.5 * random()));
    if (remainingMs() - reservedMs - pauseMs < 50) break;
    await pause(clock, pauseMs);
  }
  if (!isOutage(failure.code) && failure.code !== 'ERR_PROVIDER_DENIED') throw failure;
  for (const substitute of substitutes) {
    const found = await substitute(Math.max(remainingMs(), reservedMs));
    if (found !== undefined) return { ...found, failure };
  }
  throw explain(failure, settings);
}

/** What serves while the provider cannot: the first that has pins. One that has none to offer says `undefined`. */
type Substitute = (budgetMs: number) => Promise<StartedSnapshot | undefined>;

/** In the order of their precedence. */
function substitutesFor(settings: ResolverSettings, requiredHosts: RequiredHosts): readonly Substitute[] {
  const { fallback } = settings;
  if (fallback === undefined) return [];
  return [(budgetMs) => readSnapshot(fallback, 'fallback', { settings, requiredHosts, budgetMs })];
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
  const { revision } = result;
  try {
    const decoded = decodeDocument(result.document, { maxDocumentBytes });
    const document = adoptDocument(decoded, undefined, requiredHosts);
    const snapshot = snapshotOf(document, revision, { source, provider, fetchedAt: clock.now() });
    return { snapshot, confirmedAt };
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
