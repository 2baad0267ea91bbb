import { PinProviderError } from '@pinvault/core';
import type { AzureSecretClient, AzureTokenCredential } from './sdk-shapes.js';

/** `SecretClient` of `@azure/keyvault-secrets`, as far as it is used here. */
export type SecretClientClass = new (
  vaultUrl: string,
  credential: AzureTokenCredential,
  options: object,
) => AzureSecretClient;

/** Loads the SDK on first use: 120 ms that a service without Azure does not pay. @throws PinProviderError */
export async function loadSecretClient(): Promise<SecretClientClass> {
  try {
    const { SecretClient } = await import('@azure/keyvault-secrets');
    return SecretClient;
  } catch (error) {
    throw missing('@azure/keyvault-secrets', 'npm install @azure/keyvault-secrets @azure/identity', error);
  }
}

/** The credential of a service that was given none: whatever the machine offers. @throws PinProviderError */
export async function loadDefaultCredential(): Promise<AzureTokenCredential> {
  let DefaultAzureCredential: new (options: object) => AzureTokenCredential;
  try {
    ({ DefaultAzureCredential } = await import('@azure/identity'));
  } catch (error) {
    throw missing(
      '@azure/identity',
      'npm install @azure/identity, or pass a TokenCredential of your own as azure: { credential }',
      error,
    );
  }
  // The resolver owns time: what may pass is asked for again at the next read.
  return new DefaultAzureCredential({ retryOptions: { maxRetries: 0 } });
}

function missing(name: string, advice: string, cause: unknown): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_SDK_MISSING', `the package ${name} cannot be loaded: ${advice}`, {
    provider: 'azure',
    cause,
  });
}
