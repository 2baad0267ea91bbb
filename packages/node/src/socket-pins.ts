import {
  type GuardableSocket,
  type GuardOptions,
  invalidOption,
  isPinSource,
  type PinnedTlsOptions,
  type PinSource,
  type SocketGuard,
  type Target,
} from '@pinvault/core';

/** What a connection outside of an agent needs of a resolver, by shape. */
export interface SocketPins extends PinSource {
  tlsOptions(target: { readonly host?: string; readonly port?: number }): PinnedTlsOptions;
  guardSocket(socket: GuardableSocket, target: Target, options?: GuardOptions): SocketGuard;
}

/** @throws TypeError (`ERR_INVALID_OPTION`) */
export function assertSocketPins(pins: SocketPins): void {
  if (isPinSource(pins) && typeof pins.tlsOptions === 'function' && typeof pins.guardSocket === 'function')
    return;
  throw invalidOption('pins', 'is no resolver: pass what createPinResolver() resolved with');
}
