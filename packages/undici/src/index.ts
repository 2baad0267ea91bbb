export { createPinnedFetch } from './create-pinned-fetch.js';
export type { PinnedFetchOptions } from './create-pinned-fetch.js';
export { PinnedDispatcher } from './pinned-dispatcher.js';
export type { PinnedDispatcherOptions } from './pinned-dispatcher-options.js';
export type { PinSource } from '@pinvault/core';
