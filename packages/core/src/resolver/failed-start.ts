import { PinError, type PinErrorCode } from '../errors.js';
import { elapsedMs, type Moment } from './moment.js';
import type { ResolverSettings } from './options.js';

/** Mistakes that no store has been asked about, and that a person waits to read. */
const atOnce: ReadonlySet<PinErrorCode> = new Set(['ERR_PROVIDER_MISCONFIGURED', 'ERR_PROVIDER_SDK_MISSING']);

/**
 * Keeps the failure of a start to itself for a moment: who restarts a process whenever it ends would otherwise ask the
 * store as fast as processes can be started, in step with all its other instances. Never past the time of the start.
 */
export async function holdBackFailure(
  error: unknown,
  startedAt: Moment,
  { clock, random, failedStartDelayMs, startupTimeoutMs }: ResolverSettings,
): Promise<void> {
  if (!PinError.isPinError(error) || atOnce.has(error.code)) return;
  const wantedMs = Math.min(failedStartDelayMs * (0.5 + 0.5 * random()), startupTimeoutMs);
  const leftMs = wantedMs - elapsedMs(startedAt, clock);
  if (leftMs <= 0) return;
  await new Promise<void>((resolve) => void clock.after(leftMs, resolve, true));
}
