export { createPinResolver } from './create-pin-resolver.js';
export type { CreatePinResolverOptions } from './create-pin-resolver.js';
export type { Environment } from './environment.js';
export type { FallbackChoice } from './fallback.js';
export type { LastKnownGoodChoice } from './last-known-good.js';
export type { ProviderChoice, ProviderName } from './providers.js';
export {
  connectPinnedHttp2,
  connectPinnedTls,
  createPinnedGrpcClient,
  PinnedAgent,
  pinnedIoredisOptions,
  pinnedMqttOptions,
  pinnedMysqlStream,
  pinnedPgConfig,
  PinnedProxyAgent,
  proveLive,
} from '@pinvault/node';
export type {
  LiveProof,
  PinnedAgentOptions,
  PinnedGrpcClientOptions,
  PinnedHttp2Options,
  PinnedMysqlOptions,
  PinnedProxyAgentOptions,
  PinnedTlsConnectOptions,
  PinSource,
  ProveLiveOptions,
} from '@pinvault/node';
export {
  createEnvProvider,
  createFileProvider,
  createStaticProvider,
  findPinError,
  HostSyntaxError,
  normaliseHost,
  parseTarget,
  Pin,
  PinDocumentError,
  PinError,
  pinErrorCode,
  PinMismatchError,
  PinProviderError,
  PinResolver,
  PinResolverError,
  verifiedPath,
} from '@pinvault/core';
export type {
  EnforcementMode,
  GuardOptions,
  NodeCertificate,
  PinErrorCode,
  PinEvent,
  PinEventListener,
  PinEventName,
  PinProvider,
  PinReadRequest,
  PinReadResult,
  RefreshOutcome,
  ResolverOptions,
  ResolverStatus,
  Snapshot,
  SocketGuard,
  Target,
  UncoveredHosts,
  Verdict,
  VerifiedCertificate,
  VerifiedPath,
} from '@pinvault/core';
