export { PinResolver } from './resolver/resolver.js';
export type { PinnedTlsOptions } from './resolver/resolver.js';
export type { RefreshOutcome } from './resolver/keeper.js';
export { readGuardOptions } from './resolver/guard-options.js';
export type { GuardableSocket, GuardOptions, GuardSettings } from './resolver/guard-options.js';
export type { SocketGuard } from './resolver/socket-guards.js';
export type { WrongPinTrial } from './resolver/wrong-pin.js';
export { errorOf } from './resolver/check.js';
export type { ServerIdentityCheck } from './resolver/check.js';
export type { LastKnownGoodOptions, ResolverOptions } from './resolver/options.js';
export type {
  ErrorSummary,
  LastKnownGoodStatus,
  RejectedSummary,
  ResolverCounters,
  ResolverStatus,
} from './resolver/status.js';
export type { PinEvent, PinEventListener, PinEventName, PinEvents } from './resolver/events.js';
export type { Lookup, UncoveredHosts, Verdict } from './resolver/judgement.js';
export type { BreakerState } from './resolver/pace.js';
export type { FreshnessState } from './resolver/freshness.js';
export type { Notes, Snapshot, SnapshotSource } from './resolver/snapshot.js';
export type { DocumentChange } from './resolver/adopt.js';
export type { RefreshMessage, RotateMessage, VerdictMessage } from './observe/channels.js';
export { decodeDocument } from './policy/decode.js';
export type {
  BadRow,
  DocumentRow,
  EnforcementMode,
  PinDocument,
  PinEntry,
  RevokedPin,
} from './policy/document.js';
export { HostSyntaxError, normaliseHost, parseTarget } from './policy/host.js';
export type { Target } from './policy/host.js';
export { Pin } from './pin/pin.js';
export type { PinRole, PinSubject } from './pin/pin.js';
export { verifiedPath } from './verify/verified-path.js';
export type { VerifiedCertificate, VerifiedPath } from './verify/verified-path.js';
export type { NodeCertificate } from './verify/certificate.js';
export type { Evidence } from './verify/evidence.js';
export { BoundSessions } from './sessions/bound-sessions.js';
export type { BoundSession, BoundSessionsOptions, EarnedSession } from './sessions/bound-sessions.js';
export { isPinSource } from './enforce/pin-source.js';
export type { PinSource } from './enforce/pin-source.js';
export { endsAtOnce, evidenceOf, unjudged, whyRefused } from './enforce/accepted.js';
export { createEnvProvider } from './providers/env-provider.js';
export type { EnvProviderOptions } from './providers/env-provider.js';
export { createFileProvider } from './providers/file-provider.js';
export type { FileProviderOptions } from './providers/file-provider.js';
export { isLoopback } from './providers/loopback.js';
export { parseRetryAfter } from './providers/retry-after.js';
export { createStaticProvider } from './providers/static-provider.js';
export type { StaticPinProvider } from './providers/static-provider.js';
export type { PinProvider, PinReadRequest, PinReadResult, ProviderUpdates } from './provider.js';
export { systemClock } from './internal/clock.js';
export type { Clock, ClockTimer } from './internal/clock.js';
export {
  findPinError,
  invalidOption,
  messageWithoutCode,
  PinDocumentError,
  PinError,
  pinErrorCode,
  pinErrorCodes,
  PinMismatchError,
  PinProviderError,
  PinResolverError,
} from './errors.js';
export type {
  DocumentErrorPlace,
  DocumentErrorReason,
  InvalidOptionError,
  MismatchFacts,
  PinDocumentErrorCode,
  PinErrorCode,
  PinMismatchErrorCode,
  PinProviderErrorCode,
  PinResolverErrorCode,
  PresentedCertificate,
  ProviderErrorFacts,
} from './errors.js';
