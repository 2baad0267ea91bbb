export { createAzureProvider } from './azure-provider.js';
export type { AzureProviderOptions } from './options.js';
export type { Environment } from './environment.js';
export type {
  AzureSecret,
  AzureSecretClient,
  AzureSecretProperties,
  AzureToken,
  AzureTokenCredential,
} from './sdk-shapes.js';
