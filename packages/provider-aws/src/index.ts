export { createAwsProvider } from './aws-provider.js';
export type { AwsProviderOptions, SecretsManagerClientLike } from './options.js';
export type { CaOption } from './ca.js';
