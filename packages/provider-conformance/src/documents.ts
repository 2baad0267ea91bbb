import type { Rows } from './harness.js';

/** A pin that decodes, of as many as a check needs. */
export function pin(seed: number): string {
  return `sha256/${Buffer.alloc(32, seed).toString('base64')}`;
}

/** A small document. */
export const firstRows: Rows = { 'api.example.com': pin(1) };

/** Another one. */
export const secondRows: Rows = { 'api.example.com': pin(1), 'api.example.com#next': pin(2) };

/** What stores are apt to bend: labels, directives, quotes, line breaks, characters beyond ASCII, many rows. */
export const richRows: Rows = {
  'api.example.com': `${pin(1)} review=2099-06-30`,
  'api.example.com#CHG-4711': `leaf:${pin(2)},${pin(3)}`,
  '*.pay.example.com': `ca:${pin(4)}`,
  'metrics.example.com:8443': 'none',
  $note: 'rotated by "ops" \\ CHG-4711\nzweite Zeile: äöü €, 鍵, 🔑',
  ...Object.fromEntries(
    Array.from({ length: 60 }, (_each, index) => [`host-${String(index)}.example.com`, pin(index)]),
  ),
};
