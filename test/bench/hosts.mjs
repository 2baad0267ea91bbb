// One document per host: the memory of fifty thousand, how long they take to load, and how often the store is asked.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PinResolver } from '@pinvault/core';
import { readArguments } from './support/arguments.mjs';
import { machineLine } from './support/report.mjs';

const { hosts: count, together } = readArguments({ hosts: 50_000, together: 1_000 });
const mib = 1024 * 1024;

if (globalThis.gc === undefined) {
  // The figures want a heap that is collected when we say so.
  const again = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  execFileSync(process.execPath, ['--expose-gc', ...again], { stdio: 'inherit' });
  process.exit(0);
}

let reads = 0;
const pinOf = (index) => `sha256/${Buffer.from(String(index).padStart(32, '0')).toString('base64')}`;
const provider = {
  name: 'memory',
  scope: 'host',
  location: 'secret/tls-pins/{host}',
  read: async ({ host }) => {
    reads += 1;
    // As a store hands it over: text of its own, that nobody else holds.
    return {
      document: JSON.stringify({ pins: pinOf(Number(host.slice(5, -13))) }),
      revision: String(1 + (reads % 9)),
    };
  },
};

async function used() {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const options = { maxHosts: count, refreshIntervalMs: 3_600_000, warnings: false };
// Code that has been compiled is no memory of hosts.
const warm = await PinResolver.create(provider, options);
for (let index = 0; index < 200; index += 1) await warm.ready(`warm-${index}.example.test`);
await warm.close();
reads = 0;

const before = await used();
const pins = await PinResolver.create(provider, options);
const startedAt = performance.now();
for (let start = 0; start < count; start += together) {
  const batch = Array.from({ length: Math.min(together, count - start) }, (_, index) => start + index);
  await Promise.all(batch.map((index) => pins.ready(`host-${index}.example.test`)));
}
const loadedMs = performance.now() - startedAt;
const grown = (await used()) - before;
assert.equal(pins.status().perHost.loaded, count);
assert.equal(pins.lookup('host-7.example.test').pins[0].pin, pinOf(7));

console.log(machineLine());
console.log(`hosts            ${count}`);
console.log(`reads            ${reads}`);
console.log(
  `load             ${(loadedMs / 1_000).toFixed(2)} s, ${((loadedMs * 1_000) / count).toFixed(0)} µs per host`,
);
console.log(`memory           ${(grown / mib).toFixed(1)} MiB, ${Math.round(grown / count)} bytes per host`);
console.log(`goal: 64 MiB for 50 000 hosts: ${grown / count <= (64 * mib) / 50_000 ? 'met' : 'MISSED'}`);
await pins.close();
