import { readFileSync } from 'node:fs';

/** Reads `test/vectors/<name>.json` of the repository; this file runs from packages/core/dist-test/support. */
export function readVectors(name: string): unknown {
  const file = new URL(`../../../../test/vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as unknown;
}
