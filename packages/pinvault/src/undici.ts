export { createPinnedFetch, PinnedDispatcher } from '@pinvault/undici';
export type { PinnedDispatcherOptions, PinnedFetchOptions } from '@pinvault/undici';
