// Small GETs over warm pools: a plain client, another one as the control, and the pinned one, interleaved.
import { strict as assert } from 'node:assert';
import { createStaticProvider, PinResolver } from '@pinvault/core';
import { readArguments } from './arguments.mjs';
import { controlLine, goalLine, machineLine, ratioText, tableLines } from './report.mjs';
import { median, orderOf, ratios } from './rounds.mjs';
import { startServer } from './start-server.mjs';

const { rounds, requests, concurrent, key } = readArguments(
  { rounds: 15, requests: 4_800, concurrent: 32, key: 'ec' },
  { key: ['ec', 'rsa'] },
);
const rowCount = 1_000;
// Requests that one client makes before the next one has its turn.
const turn = concurrent * 5;
const turns = Math.ceil(requests / turn);

/** What they all call. */
export const server = await startServer(key);
const otherRows = Array.from({ length: rowCount - 1 }, (_, index) => [
  `host-${index}.example.test`,
  server.pins.leaf,
]);
const resolver = await PinResolver.create(
  createStaticProvider({ ...Object.fromEntries(otherRows), [server.host]: server.pins.leaf }),
  { warnings: false },
);
assert.equal(resolver.status().hosts.length, rowCount);

// The resolver, and how often the pinned client asks it about a connection that it has.
let judged = 0;
/** What the pinned client takes. */
export const pins = {
  verify: (target, certificate) => resolver.verify(target, certificate),
  judge(evidence) {
    judged += 1;
    return resolver.judge(evidence);
  },
  lookup: (target) => resolver.lookup(target),
  prepare: (target) => resolver.prepare(target),
  retain: (target) => resolver.retain(target),
  recheck: (refusal) => resolver.recheck(refusal),
  get proof() {
    return resolver.proof;
  },
  on: (name, listener) => resolver.on(name, listener),
  off: (name, listener) => resolver.off(name, listener),
};

/** Connections that each client keeps. */
export const connections = concurrent;

/**
 * Measures three clients and prints what came of it.
 *
 * @param variants - `{ title, client }`: plain, the control, pinned
 * @param request - one GET by a client, to its end
 * @param close - ends a client
 */
export async function benchWarmPool({ variants, request, close }) {
  const [plain, control, pinned] = variants;

  function burst(client) {
    return Promise.all(Array.from({ length: concurrent }, () => request(client)));
  }

  /** As many callers as connections, each with its next request as soon as the one before is answered. */
  async function steadily(client) {
    const caller = async () => {
      for (let sent = 0; sent < turn / concurrent; sent += 1) await request(client);
    };
    await Promise.all(Array.from({ length: concurrent }, caller));
  }

  /** All at once, again when the last one is answered: each time every connection of the pool is idle. */
  async function inBursts(client) {
    for (let sent = 0; sent < turn; sent += concurrent) await burst(client);
  }

  /** Requests per second of each client, from the median of its turns: a turn in which something else ran says nothing. */
  async function round(load) {
    const times = new Map(variants.map((variant) => [variant, []]));
    for (let step = 0; step < turns; step += 1) {
      for (const variant of orderOf(variants, step)) {
        // Untimed: whoever had the turn before left other things in the caches.
        await burst(variant.client);
        const started = performance.now();
        await load(variant.client);
        times.get(variant).push((performance.now() - started) / 1_000);
        // The last connections are back in their pool.
        await new Promise(setImmediate);
      }
    }
    return variants.map((variant) => [variant, turn / median(times.get(variant))]);
  }

  /** One number per round for each client. */
  async function measure(load) {
    await round(load);
    const before = await server.counters();
    judged = 0;
    const rates = new Map(variants.map((variant) => [variant, []]));
    for (let index = 0; index < rounds; index += 1) {
      for (const [variant, rate] of await round(load)) rates.get(variant).push(rate);
    }
    const after = await server.counters();
    const perClient = rounds * turns * (turn + concurrent);
    // Warm: nothing was dialled, so that everything went over connections that were pinned before.
    assert.equal(after.connections, before.connections);
    assert.equal(after.requests - before.requests, perClient * variants.length);
    assert.ok(judged >= perClient, 'the pinned client judges a connection for each request');
    return { rates, judgedPerRequest: judged / perClient };
  }

  function report(title, { rates, judgedPerRequest }) {
    const ratioOf = (variant) => ratios(rates.get(variant), rates.get(plain));
    const rows = variants.map((variant) => [
      variant.title,
      median(rates.get(variant)).toFixed(0),
      variant === plain ? '1' : ratioText(ratioOf(variant)),
    ]);
    const ratio = ratioOf(pinned).median;
    return [
      '',
      ...tableLines([[title, 'requests/s', `to ${plain.title} [min–max of rounds]`], ...rows]),
      `judged per request: ${judgedPerRequest.toFixed(1)}; ${controlLine(ratioOf(control))}`,
      goalLine('pinned ≥ 0.98 of plain', ratio >= 0.98, ratioOf(control)),
    ];
  }

  const steady = await measure(steadily);
  const bursts = await measure(inBursts);
  // One handshake for each connection of the pool, and no other; none of them was let through unjudged.
  assert.equal(resolver.status().counters.matches, concurrent);
  for (const { client } of variants) await close(client);
  await Promise.all([resolver.close(), server.stop()]);

  console.log(
    [
      `small GETs, ${concurrent} at a time over ${concurrent} warm connections, ${rowCount} rows; ${rounds} rounds × ${turns * turn} of each`,
      machineLine(),
      ...report('one after the other', steady),
      ...report('in bursts', bursts),
    ].join('\n'),
  );
}
