import { PinError, PinProviderError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { durationText, printable } from '../internal/text.js';
import type { PinProvider, PinReadResult } from '../provider.js';
import { describeSource } from './snapshot.js';

/** How a single read is bounded. */
export interface ReadLimits {
  readonly timeoutMs: number;
  /** Aborted when the resolver closes. */
  readonly signal: AbortSignal;
  /** The read keeps the process alive: only while the resolver starts. */
  readonly keepAlive: boolean;
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
  const { timeoutMs, signal, keepAlive } = limits;
  const controller = new AbortController();
  let end: (() => void) | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    const stop = (error: PinProviderError): void => {
      reject(error);
      controller.abort(error);
    };
    const timer = clock.after(timeoutMs, () => stop(timedOut(provider, timeoutMs)), keepAlive);
    const onClose = (): void => stop(closed(provider));
    signal.addEventListener('abort', onClose, { once: true });
    end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', onClose);
    };
    if (signal.aborted) onClose();
  });
  try {
    const request = { signal: controller.signal, ...(knownRevision === undefined ? {} : { knownRevision }) };
    return await Promise.race([provider.read(request), ended]);
  } catch (error) {
    throw ownError(provider, error);
  } finally {
    end?.();
  }
}

function timedOut(provider: PinProvider, timeoutMs: number): PinProviderError {
  return new PinProviderError(
    'ERR_PROVIDER_TIMEOUT',
    `${describeSource({ provider: provider.name, location: provider.location })} did not answer within ${durationText(timeoutMs)}`,
    {
      provider: provider.name,
    },
  );
}

function closed(provider: PinProvider): PinProviderError {
  return new PinProviderError(
    'ERR_PROVIDER_UNAVAILABLE',
    `the read of ${provider.name} was ended by close()`,
    {
      provider: provider.name,
      detail: 'closed',
    },
  );
}

/** A foreign error is named, never passed on: its properties may hold headers, and with them a token. */
function ownError(provider: PinProvider, error: unknown): PinError {
  if (PinError.isPinError(error)) return error;
  const { name, code } =
    error instanceof Error
      ? (error as Error & { code?: unknown })
      : { name: 'unknown error', code: undefined };
  const label = printable(typeof code === 'string' ? `${name} ${code}` : name, 80);
  return new PinProviderError('ERR_PROVIDER_UNAVAILABLE', `reading ${provider.name} failed with ${label}`, {
    provider: provider.name,
  });
}
