import { PinDocumentError, type PinError, PinProviderError } from '../../errors.js';
import type { ClockTimer } from '../../internal/clock.js';
import { durationText } from '../../internal/text.js';
import type { ResolverSettings } from '../options.js';
import { isOutage } from '../outage.js';
import { describeSource, locationOf } from '../snapshot.js';
import type { HostKeeper } from './host-keeper.js';

/**
 * Loads the required hosts: what may pass is tried again until `startupTimeoutMs`. Without required hosts there is nothing
 * to read before the first request.
 *
 * @throws PinError
 */
export async function loadRequiredHosts(keeper: HostKeeper, settings: ResolverSettings): Promise<void> {
  const { clock, startupTimeoutMs } = settings;
  let timer: ClockTimer | undefined;
  const ended = new Promise<'ended'>((resolve) => {
    timer = clock.after(startupTimeoutMs, () => resolve('ended'), true);
  });
  try {
    for (;;) {
      const loading = Promise.all(keeper.requiredHosts.map((host) => keeper.load(host)));
      const hasEnded = (await Promise.race([loading, ended])) === 'ended';
      const missing = keeper.requiredHosts.filter((host) => keeper.shelf.peek(host) === undefined);
      if (missing.length === 0) return;
      refuseFinal(missing, keeper, settings);
      const paused = new Promise<void>((resolve) => void clock.after(100, resolve, true));
      if (hasEnded || (await Promise.race([paused, ended])) === 'ended')
        throw notInTime(missing[0] ?? '', keeper, settings);
    }
  } finally {
    timer?.cancel();
  }
}

/** What a person has to mend fails the start at once. */
function refuseFinal(missing: readonly string[], keeper: HostKeeper, { provider }: ResolverSettings): void {
  for (const host of missing) {
    const trouble = keeper.troubleOf(host);
    if (trouble === undefined || isOutage(trouble.error.code)) continue;
    const where = describeSource({ provider: provider.name, location: locationOf(provider, host) });
    const { error, revision = 'unknown' } = trouble;
    throw error instanceof PinDocumentError ? error.in(`${where}, revision ${revision}`) : error;
  }
}

function notInTime(
  host: string,
  keeper: HostKeeper,
  { provider, startupTimeoutMs }: ResolverSettings,
): PinError {
  const cause = keeper.troubleOf(host)?.error;
  const where = describeSource({ provider: provider.name, location: locationOf(provider, host) });
  const why = cause === undefined ? `${where} did not answer` : cause.message;
  const code = cause instanceof PinProviderError ? cause.code : 'ERR_PROVIDER_TIMEOUT';
  const text = `no pins for the required host ${host} within ${durationText(startupTimeoutMs)}: ${why}`;
  return new PinProviderError(code, text, { provider: provider.name, cause });
}
