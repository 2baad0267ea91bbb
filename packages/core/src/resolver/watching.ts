import { foreignErrorLabel } from '../internal/foreign-error.js';
import { printable } from '../internal/text.js';
import type { PinProvider, ProviderUpdates } from '../provider.js';
import type { Warnings } from './warnings.js';

/** Lets the store say when something has changed, where it can, until `signal` aborts. */
export function watchProvider(
  provider: PinProvider,
  onChange: (revision?: string, host?: string) => void,
  signal: AbortSignal,
  warnings: Warnings,
): void {
  try {
    provider.watch?.((revision, host) => onChange(revision, host), { signal });
  } catch (error) {
    // The reads at the interval go on.
    const text = `${provider.name} cannot be watched: ${foreignErrorLabel(error)}`;
    warnings.say('PINVAULT_LISTENER', 'watch', text);
  }
}

/** Tells the provider that a person asks for the next read. */
export function askToRetry(provider: PinProvider): void {
  try {
    provider.retry?.();
  } catch {
    // The read itself tells what is wrong.
  }
}

/** How the provider says that it notices changes; `undefined` where it says nothing that can be shown. */
export function updatesOf(provider: PinProvider): ProviderUpdates | undefined {
  let updates: ProviderUpdates | undefined;
  try {
    updates = provider.updates?.();
  } catch {
    return undefined;
  }
  if (updates?.by !== 'events' && updates?.by !== 'polling') return undefined;
  const { by, reason } = updates;
  return typeof reason === 'string' ? { by, reason: printable(reason) } : { by };
}
