import type { PinProvider, PinReadResult } from '@pinvault/core';
import { type AzureProviderOptions, type AzureTokenCredential, createAzureProvider } from '#src/index.js';

/** A credential whose token is whatever `token` says at the time. */
export function credentialOf(token: () => string, ttlMs = 3_600_000): AzureTokenCredential {
  return { getToken: async () => ({ token: token(), expiresOnTimestamp: Date.now() + ttlMs }) };
}

/** One read, with a provider that is closed afterwards. */
export async function readOnce(
  options: AzureProviderOptions,
  signal: AbortSignal = new AbortController().signal,
): Promise<PinReadResult> {
  const provider = createAzureProvider(options);
  try {
    return await provider.read({ signal });
  } finally {
    await provider.close?.();
  }
}

/** One read of a provider that stays open. */
export async function read(provider: PinProvider, knownRevision?: string): Promise<PinReadResult> {
  return provider.read({
    signal: new AbortController().signal,
    ...(knownRevision === undefined ? {} : { knownRevision }),
  });
}
