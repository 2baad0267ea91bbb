export { PinnedAgent } from './pinned-agent.js';
export type { PinnedAgentOptions } from './pinned-agent-options.js';
export type { PinSource } from './pin-source.js';
