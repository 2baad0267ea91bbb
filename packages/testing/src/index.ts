export { askedOnly } from './clock/asked-only.js';
export { VirtualClock } from './clock/virtual-clock.js';
export { chainPem, createRootCa, createSelfSigned, TestCertificate } from './pki/certificate.js';
export { TestKey } from './pki/key.js';
export { EXTENDED_KEY_USAGES } from './pki/options.js';
export { runChild, type ChildResult } from './processes/child.js';
export { warningsDuring } from './processes/warnings.js';
export { createMemoryProvider, MemoryProvider } from './providers/memory-provider.js';
export { AzureKeyVault, findAzureKeyVault, startAzureKeyVault } from './servers/azure-key-vault.js';
export { ConnectProxy, startConnectProxy } from './servers/connect-proxy.js';
export { DevVault, startDevVault } from './servers/dev-vault.js';
export { Moto, startMoto } from './servers/moto.js';
export { loopbackLookup } from './servers/lookup.js';
export { startTlsServer, TestTlsServer } from './servers/tls-server.js';
export { startVaultFront, VaultFront } from './servers/vault-front.js';
export { startTokenIssuer, TokenIssuer } from './servers/token-issuer.js';

export type { KeyType } from './pki/key.js';
export type {
  CertificateOptions,
  ForgedKeyIdentifiers,
  KeyUsage,
  NameConstraints,
  RawExtension,
} from './pki/options.js';
export type { SignatureHash } from './pki/signature.js';
export type { AzureKeyVaultOptions, SecretAttributes } from './servers/azure-key-vault.js';
export type { ConnectProxyOptions } from './servers/connect-proxy.js';
export type { DevVaultOptions, DevVaultResponder } from './servers/dev-vault.js';
export type { AwsAnswer, MotoOptions } from './servers/moto.js';
export type { KvData } from './servers/kv-store.js';
export type { TlsServerOptions } from './servers/tls-server.js';
export type { FrontRequest, VaultFrontOptions } from './servers/vault-front.js';
export type { TokenClaims } from './servers/token-issuer.js';
