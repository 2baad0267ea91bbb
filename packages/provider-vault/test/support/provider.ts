import type { PinProvider, PinReadResult } from '@pinvault/core';
import type { DevVault } from '@pinvault/testing';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';

/** Options that take nothing from the environment of the test run, and ask the vault once, for nothing but the secret. */
export function optionsFor(
  vault: Pick<DevVault, 'address' | 'token'>,
  options: Partial<VaultProviderOptions> = {},
): VaultProviderOptions {
  return {
    address: vault.address,
    token: vault.token,
    path: 'secret/tls-pins',
    kvVersion: 2,
    env: {},
    maxRetries: 0,
    ...options,
  };
}

/** One read, with a provider that is closed afterwards. */
export async function readOnce(
  options: VaultProviderOptions,
  signal: AbortSignal = new AbortController().signal,
): Promise<PinReadResult> {
  const provider = createVaultProvider(options);
  try {
    return await provider.read({ signal });
  } finally {
    await provider.close?.();
  }
}

/** A read whose document matters. */
export async function documentOf(provider: PinProvider): Promise<object> {
  const result = await provider.read({ signal: new AbortController().signal });
  if (!('document' in result) || typeof result.document !== 'object') throw new Error('no document');
  return result.document;
}
