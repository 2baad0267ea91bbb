export { PinnedAgent } from './pinned-agent.js';
export type { PinnedAgentOptions } from './pinned-agent-options.js';
export type { PinSource } from '@pinvault/core';
export { connectPinnedHttp2 } from './connect-pinned-http2.js';
export type { PinnedHttp2Options } from './connect-pinned-http2.js';
export { connectPinnedTls } from './connect-pinned-tls.js';
export type { PinnedTlsConnectOptions } from './connect-pinned-tls.js';
export { createPinnedGrpcClient } from './create-pinned-grpc-client.js';
export type { PinnedGrpcClientOptions } from './create-pinned-grpc-client.js';
export type { GrpcCall, GrpcClient, GrpcModule, PinnedGrpcOptions } from './grpc-shapes.js';
export { createEndpointResolver, readEndpointPins } from './endpoint-pins.js';
export { PinnedProxyAgent } from './pinned-proxy-agent.js';
export type { PinnedProxyAgentOptions } from './proxy-options.js';
export { proveLive } from './prove-live.js';
export type {
  LiveProof,
  ProvableDispatcher,
  ProvablePins,
  ProvableRequest,
  ProveLiveOptions,
} from './prove-live.js';
export type { SocketPins } from './socket-pins.js';
export { pinnedIoredisOptions } from './drivers/pinned-ioredis-options.js';
export type { IoredisOptions, PinnedIoredisPlace } from './drivers/pinned-ioredis-options.js';
export { pinnedMqttOptions } from './drivers/pinned-mqtt-options.js';
export type { MqttOptions } from './drivers/pinned-mqtt-options.js';
export { pinnedMysqlStream } from './drivers/pinned-mysql-stream.js';
export type { PinnedMysqlOptions } from './drivers/pinned-mysql-stream.js';
export { pinnedPgConfig } from './drivers/pinned-pg-config.js';
export type { PgConfig } from './drivers/pinned-pg-config.js';
export type { TlsOptionsSource } from './drivers/tls-options-source.js';
