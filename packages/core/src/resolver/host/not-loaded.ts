import { type PinError, PinMismatchError } from '../../errors.js';
import { describeSource, locationOf } from '../snapshot.js';
import type { PinProvider } from '../../provider.js';

/** The refusal of a host whose pins are not there: which secret it is about, and why it was not loaded. */
export function notLoaded(host: string, provider: PinProvider, why: PinError | undefined): PinMismatchError {
  const where = describeSource({ provider: provider.name, location: locationOf(provider, host) });
  const reason =
    why === undefined ? 'nobody has loaded it yet: await pins.ready(host) before connecting' : why.message;
  return new PinMismatchError('ERR_PIN_NOT_LOADED', `${host}: no pins from ${where}: ${reason}`, { host });
}
