import type { PinnedTlsOptions } from '@pinvault/core';

/** What the guards of drivers need of a resolver. Taken by shape, so that one from another copy of the package serves too. */
export interface TlsOptionsSource {
  tlsOptions(target?: { readonly host?: string; readonly port?: number }): PinnedTlsOptions;
}
