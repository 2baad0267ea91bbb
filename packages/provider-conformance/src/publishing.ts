import type { ProviderBackend } from './harness.js';

/** The three ways in which the suite publishes, from the one in which a store that holds plain content is written. */
export function publishing(
  write: (content: string | Uint8Array) => unknown,
): Required<Pick<ProviderBackend, 'publish' | 'publishText' | 'publishBytes'>> {
  const publish = async (content: string | Uint8Array): Promise<void> => void (await write(content));
  return {
    publish: async (rows) => publish(JSON.stringify(rows)),
    publishText: publish,
    publishBytes: publish,
  };
}
