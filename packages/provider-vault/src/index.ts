export { createVaultProvider } from './vault-provider.js';
export type { VaultProviderOptions } from './options.js';
export type { TokenOption } from './token.js';
export type { VaultAuthOptions } from './auth/auth-options.js';
export type { Environment } from './environment.js';
