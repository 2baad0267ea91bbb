import { sha256Hex } from '../pin/spki.js';
import type { PinProvider } from '../provider.js';

/** A provider whose document is handed over in code; {@link StaticPinProvider.update} puts another in its place. */
export interface StaticPinProvider extends PinProvider {
  update(document: string | Uint8Array | object, revision?: string): void;
}

/** Pins from code: for tests, and for a service that gets its document in a way of its own. */
export function createStaticProvider(
  document: string | Uint8Array | object,
  name = 'static',
): StaticPinProvider {
  let current = { document, revision: revisionOf(document) };
  return {
    name,
    read: async () => current,
    update(next, revision) {
      current = { document: next, revision: revision ?? revisionOf(next) };
    },
  };
}

/** A revision for a store that has none of its own: the beginning of the content's hash. */
export function revisionOf(document: string | Uint8Array | object): string {
  const content =
    typeof document === 'string' || document instanceof Uint8Array ? document : JSON.stringify(document);
  return sha256Hex(content ?? '').slice(0, 12);
}
