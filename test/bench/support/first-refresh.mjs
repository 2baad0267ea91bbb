// A fresh process that starts on a large document and refreshes it once; tells the longest time that the event loop stood
// still in each, and what a first decode at once takes. Forked by decode.mjs.
import { decodeDocument, PinResolver } from '@pinvault/core';
import { largeDocument } from './large-document.mjs';

const [what, hosts] = process.argv.slice(2);
const first = largeDocument(Number(hosts));
const second = largeDocument(Number(hosts), 'rotated');

/** Runs something and returns the longest pause between two turns of the event loop meanwhile, in ms. */
async function longestPause(run) {
  let longest = 0;
  let last = performance.now();
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  await run();
  await new Promise((resolve) => setImmediate(resolve));
  clearImmediate(next);
  return longest;
}

async function refresh() {
  let document = first;
  let resolver;
  const provider = { name: 'bench', read: async () => ({ document, revision: String(document.length) }) };
  const requiredHosts = ['h0.svc0.example.com'];
  const start = await longestPause(async () => {
    resolver = await PinResolver.create(provider, { warnings: false, requiredHosts });
  });
  document = second;
  const rotation = await longestPause(() => resolver.refresh());
  const again = await longestPause(() => resolver.refresh());
  const status = await longestPause(async () => void resolver.status());
  await resolver.close();
  return { start, rotation, again, status };
}

function decode() {
  const startedAt = performance.now();
  JSON.parse(first);
  const parsedAt = performance.now();
  decodeDocument(first);
  return { parse: parsedAt - startedAt, decode: performance.now() - parsedAt };
}

process.send(what === 'decode' ? decode() : await refresh());
process.disconnect();
