import { PinError, PinProviderError, type PinProviderErrorCode } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { foreignErrorLabel } from '../internal/foreign-error.js';
import { durationText } from '../internal/text.js';
import type { PinProvider, PinReadResult } from '../provider.js';
import { elapsedMs, momentOf } from './moment.js';
import { describeSource, locationOf } from './snapshot.js';

/** How a single read is bounded. */
export interface ReadLimits {
  readonly timeoutMs: number;
  /** Aborted when the resolver closes, or another read is begun in place of this one. */
  readonly signal: AbortSignal;
  /** The read keeps the process alive: only while the resolver starts. */
  readonly keepAlive: boolean;
  /** Whose document is read, where the provider keeps one per host. */
  readonly host?: string | undefined;
}

/**
 * One read that ends in time, whatever the provider does: on the deadline its signal is aborted, and an answer that
 * comes later goes nowhere.
 *
 * @throws PinError
 */
export async function readOnce(
  provider: PinProvider,
  knownRevision: string | undefined,
  limits: ReadLimits,
  clock: Clock,
): Promise<PinReadResult> {
  const { timeoutMs, signal, keepAlive, host } = limits;
  const startedAt = momentOf(clock);
  const controller = new AbortController();
  let end: (() => void) | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    const stop = (error: PinProviderError): void => {
      reject(error);
      controller.abort(error);
    };
    const timer = clock.after(timeoutMs, () => stop(timedOut(provider, timeoutMs, host)), keepAlive);
    const onEnd = (): void => stop(endedByCaller(provider));
    signal.addEventListener('abort', onEnd, { once: true });
    end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', onEnd);
    };
    if (signal.aborted) onEnd();
  });
  try {
    const request = {
      signal: controller.signal,
      ...(knownRevision === undefined ? {} : { knownRevision }),
      ...(host === undefined ? {} : { host }),
    };
    const result = readResult(provider, await Promise.race([provider.read(request), ended]));
    // A suspended process stops the timer: what was asked before is not the answer of now.
    if (elapsedMs(startedAt, clock) > timeoutMs) throw timedOut(provider, timeoutMs, host);
    return result;
  } catch (error) {
    throw ownError(provider, error);
  } finally {
    end?.();
  }
}

/** Types are no promise: what another's provider answers may be anything, and only a plain `true` means unchanged. */
function readResult(provider: PinProvider, result: PinReadResult | undefined): PinReadResult {
  if (typeof result?.revision === 'string') {
    if (!('unchanged' in result)) return result;
    if (result.unchanged) return { unchanged: true, revision: result.revision };
  }
  throw new PinProviderError(
    'ERR_PROVIDER_MISCONFIGURED',
    `${provider.name} answered with neither a document and its revision nor "unchanged"`,
    { provider: provider.name },
  );
}

function timedOut(provider: PinProvider, timeoutMs: number, host: string | undefined): PinProviderError {
  return new PinProviderError(
    'ERR_PROVIDER_TIMEOUT',
    `${describeSource({ provider: provider.name, location: locationOf(provider, host) })} did not answer within ${durationText(timeoutMs)}`,
    {
      provider: provider.name,
    },
  );
}

function endedByCaller(provider: PinProvider): PinProviderError {
  return new PinProviderError(
    'ERR_PROVIDER_UNAVAILABLE',
    `the read of ${provider.name} was ended: nobody waits for it any more`,
    {
      provider: provider.name,
      detail: 'ended',
    },
  );
}

/** A foreign error is named, never passed on: its properties may hold headers, and with them a token. */
function ownError(provider: PinProvider, error: unknown): PinError {
  if (error instanceof PinError) return error;
  if (PinError.isPinError(error)) return fromOtherCopy(provider, error);
  const text = `reading ${provider.name} failed with ${foreignErrorLabel(error)}`;
  return new PinProviderError('ERR_PROVIDER_UNAVAILABLE', text, { provider: provider.name });
}

/** An error of another copy of this package: here it has to be of our own class, to be told apart like one. */
function fromOtherCopy(provider: PinProvider, error: PinError): PinError {
  if (!error.code.startsWith('ERR_PROVIDER_')) return error;
  const { detail, retryAfterMs } = error as PinProviderError;
  const text = error.message.slice(error.code.length + 2);
  return new PinProviderError(error.code as PinProviderErrorCode, text, {
    provider: provider.name,
    detail,
    retryAfterMs,
  });
}
