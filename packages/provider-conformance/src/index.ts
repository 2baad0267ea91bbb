export { describePinProvider } from './describe.js';
export type { TestRunner } from './describe.js';
export { providerChecks } from './checks.js';
export { pendingReason } from './check.js';
export type { ProviderCheck, Topic } from './check.js';
export { capabilities } from './harness.js';
export type { Capability, ProviderBackend, ProviderHarness, Rows } from './harness.js';
export { FaultServer, startFaultServer } from './fault-server.js';
export type { FaultServerOptions, StoreAnswer } from './fault-server.js';
