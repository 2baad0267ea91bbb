import type { PinProvider, PinReadRequest, PinReadResult } from '@pinvault/core';
import { type AzureProviderOptions, readAzureSettings } from './options.js';
import { SecretStore } from './secret-store.js';

/**
 * Pins in a secret of Azure Key Vault: the newest version's value is the document, the version is the revision.
 *
 * A version that is disabled, expired or not valid yet, a deleted or missing secret, a denied identity and a vault that
 * is away are told apart, and none of them means "no pins". **Security:** the token goes to the configured vault only
 * and appears in no error.
 *
 * `@azure/keyvault-secrets`, and `@azure/identity` where no `credential` is given, are loaded at the first read.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) for a wrong option
 * @throws PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) for a wrong or missing variable
 * @example
 * const provider = createAzureProvider({ vaultUrl: 'https://NAME.vault.azure.net', secretName: 'tls-pins' });
 */
export function createAzureProvider(options: AzureProviderOptions = {}): PinProvider {
  const settings = readAzureSettings(options);
  const { secret, vault } = settings;
  const store = new SecretStore(settings);
  return {
    name: 'azure',
    scope: secret.scope,
    location: `${vault?.host ?? 'azure'}/${secret.text}`,
    defaultRefreshIntervalMs: 60_000,
    async read({ host, knownRevision, signal }: PinReadRequest): Promise<PinReadResult> {
      return store.read({ name: secret.resolve(host), knownRevision, signal });
    },
    close: () => store.close(),
  };
}
