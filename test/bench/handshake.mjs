// Full handshakes, plain and pinned, one at a time and interleaved. What is timed is what a client waits for: from
// tls.connect() to 'secureConnect'.
import { strict as assert } from 'node:assert';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { createStaticProvider, PinResolver } from '@pinvault/core';
import { readArguments } from './support/arguments.mjs';
import { controlLine, goalLine, machineLine, ratioText, tableLines } from './support/report.mjs';
import { median, orderOf, ratios } from './support/rounds.mjs';
import { startServer } from './support/start-server.mjs';

const { rounds, handshakes, key } = readArguments(
  { rounds: 15, handshakes: 100, key: 'ec' },
  { key: ['ec', 'rsa'] },
);

// Signatures that the client's pin check verifies, counted in every variant alike: OpenSSL's own are not among them.
let linksVerified = 0;
const verify = Reflect.get(X509Certificate.prototype, 'verify');
X509Certificate.prototype.verify = function counted(publicKey) {
  linksVerified += 1;
  return verify.call(this, publicKey);
};

const server = await startServer(key);
const target = { host: server.host, port: server.port };
const newResolver = (pin) =>
  PinResolver.create(createStaticProvider({ [server.host]: pin }), { warnings: false });

const leafResolver = await newResolver(server.pins.leaf);
const warmResolver = await newResolver(server.pins.root);
const always = (resolver) => () => resolver;

// `links` is what one handshake has to verify; `resolvers` holds the ones to use up.
const plain = { title: 'plain A', resolver: always(undefined), links: 0 };
const control = { title: 'plain B (control)', resolver: always(undefined), links: 0 };
const leaf = { title: 'pinned leaf', resolver: always(leafResolver), links: 0 };
const cold = { title: 'pinned CA, cold', resolver: () => cold.resolvers.pop(), resolvers: [], links: 2 };
const warm = { title: 'pinned CA, warm', resolver: always(warmResolver), links: 0 };
const variants = [plain, control, leaf, cold, warm];
for (const variant of variants) variant.rounds = [];

/** One full handshake; µs until the connection may be used. */
async function handshake(variant) {
  const resolver = variant.resolver();
  const before = linksVerified;
  const started = performance.now();
  const socket = connect({
    host: '127.0.0.1',
    port: server.port,
    servername: server.host,
    ca: server.ca,
    session: undefined,
    ...resolver?.tlsOptions(target),
  });
  await once(socket, 'secureConnect');
  const ended = performance.now();
  assert.equal(socket.authorized, true);
  assert.equal(socket.isSessionReused(), false);
  assert.equal(linksVerified - before, variant.links, `links verified, ${variant.title}`);
  // To the end on both sides, else the server would still be busy with this one during the next.
  socket.resume().end();
  await once(socket, 'close');
  return (ended - started) * 1_000;
}

async function round() {
  cold.resolvers = await Promise.all(Array.from({ length: handshakes }, () => newResolver(server.pins.root)));
  const used = [...cold.resolvers];
  const matchesOf = (resolver) => resolver.status().counters.matches;
  const matchesBefore = [leafResolver, warmResolver].map(matchesOf);
  const times = new Map(variants.map((variant) => [variant, []]));
  for (let step = 0; step < handshakes; step += 1) {
    for (const variant of orderOf(variants, step)) times.get(variant).push(await handshake(variant));
  }
  // Not after each handshake: status() is a deep copy, and what follows it is slower.
  const matches = [leafResolver, warmResolver].map(matchesOf);
  assert.deepEqual(
    matches.map((count, index) => count - matchesBefore[index]),
    [handshakes, handshakes],
  );
  assert.deepEqual(new Set(used.map(matchesOf)), new Set([1]));
  await Promise.all(used.map((resolver) => resolver.close()));
  return times;
}

async function assertItRefuses() {
  const wrong = await newResolver(server.pins.wrong);
  const socket = connect({
    host: '127.0.0.1',
    port: server.port,
    servername: server.host,
    ca: server.ca,
    ...wrong.tlsOptions(target),
  });
  await assert.rejects(once(socket, 'secureConnect'), { code: 'ERR_PIN_MISMATCH' });
  await wrong.close();
}

await assertItRefuses();
// The first link of this resolver is what the others are spared.
warm.links = 2;
await handshake(warm);
warm.links = 0;
await round();
const beforeRounds = await server.counters();
for (let index = 0; index < rounds; index += 1) {
  for (const [variant, times] of await round()) variant.rounds.push(median(times));
}
const after = await server.counters();
assert.equal(after.resumed, 0);
assert.equal(after.handshakes - beforeRounds.handshakes, rounds * handshakes * variants.length);
await Promise.all([leafResolver.close(), warmResolver.close(), server.stop()]);

for (const variant of variants) variant.ratio = ratios(variant.rounds, plain.rounds);
const rows = variants.map((variant) => [
  variant.title,
  median(variant.rounds).toFixed(0),
  variant === plain ? '1' : ratioText(variant.ratio),
]);
const leafGoal = control.ratio.max + 0.02;
console.log(
  [
    `full TLS 1.3 handshakes, ${key} keys, leaf ← intermediate ← root; ${rounds} rounds × ${handshakes} of each, interleaved`,
    machineLine(),
    '',
    ...tableLines([['', 'median µs', 'to plain A [min–max of rounds]'], ...rows]),
    '',
    controlLine(control.ratio),
    goalLine(
      `leaf ≤ ${leafGoal.toFixed(3)} (the control's maximum + 0.02)`,
      leaf.ratio.median <= leafGoal,
      control.ratio,
    ),
    goalLine('CA ≤ 1.35 cold', cold.ratio.median <= 1.35, control.ratio),
    goalLine('CA ≤ 1.05 warm', warm.ratio.median <= 1.05, control.ratio),
  ].join('\n'),
);
