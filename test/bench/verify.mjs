// One check of a certificate, beyond Node's own tls.checkServerIdentity, which it contains: leaf pins, CA pins of a path
// that is known, a host that is not covered, report mode. No socket: what Node showed in one real handshake, again and
// again in new objects, as each connection brings its own.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { checkServerIdentity, connect } from 'node:tls';
import { createStaticProvider, PinResolver } from '@pinvault/core';
import { readArguments } from './support/arguments.mjs';
import { goalLine, machineLine, tableLines } from './support/report.mjs';
import { median, orderOf } from './support/rounds.mjs';
import { startServer } from './support/start-server.mjs';

const { rounds, checks, key } = readArguments(
  { rounds: 25, checks: 2_000, key: 'ec' },
  { key: ['ec', 'rsa'] },
);

const server = await startServer(key);
const socket = connect({ host: '127.0.0.1', port: server.port, servername: server.host, ca: server.ca });
await once(socket, 'secureConnect');
assert.equal(socket.authorized, true);
const shown = [];
for (
  let current = socket.getPeerCertificate(true), below;
  current !== below;
  current = current.issuerCertificate
) {
  shown.push({ ...current, issuerCertificate: undefined });
  below = current;
}
socket.destroy();
await server.stop();
assert.equal(shown.length, 3);

let unseen = 0;

/**
 * As Node makes it for one connection: new objects, new copies of the bytes, the root its own issuer. A new leaf differs
 * in its last bytes, which is its signature: the same key in a certificate that was never seen.
 */
function shownAgain(isNew = false) {
  const certificates = shown.map((certificate) => ({ ...certificate, raw: Buffer.from(certificate.raw) }));
  const { raw } = certificates[0];
  if (isNew) raw.writeUInt32BE((unseen += 1), raw.length - 4);
  certificates.forEach((certificate, index) => {
    certificate.issuerCertificate = certificates[Math.min(index + 1, certificates.length - 1)];
  });
  return certificates[0];
}

const newResolver = (row, options) =>
  PinResolver.create(createStaticProvider({ 'other.example.test': server.pins.leaf, ...row }), {
    warnings: false,
    ...options,
  });
const rowOf = (pin) => ({ [server.host]: pin });
const { leaf, intermediate, root, wrong } = server.pins;
const resolvers = {
  leaf: await newResolver(rowOf(`leaf:${leaf}`)),
  depth1: await newResolver(rowOf(intermediate)),
  depth2: await newResolver(rowOf(root)),
  none: await newResolver(rowOf('none')),
  allow: await newResolver({}, { uncoveredHosts: 'allow' }),
  reported: await newResolver(rowOf(`${wrong} mode=report`)),
  refused: await newResolver(rowOf(wrong)),
};
const pinned = (resolver) => (certificate) => resolver.checkServerIdentity(server.host, certificate);
const nodeOnly = (certificate) => checkServerIdentity(server.host, certificate);
const accepts = (answer) => answer === undefined;

const variants = [
  { title: "Node's own A", check: nodeOnly, isRight: accepts },
  { title: "Node's own B (control)", check: nodeOnly, isRight: accepts },
  { title: 'leaf pin', check: pinned(resolvers.leaf), isRight: accepts, goal: 1.5 },
  { title: 'leaf pin, new leaf', check: pinned(resolvers.leaf), isRight: accepts, isNew: true },
  { title: 'CA pin, the intermediate', check: pinned(resolvers.depth1), isRight: accepts, goal: 5 },
  { title: 'CA pin, the root', check: pinned(resolvers.depth2), isRight: accepts, goal: 5 },
  { title: 'none', check: pinned(resolvers.none), isRight: accepts },
  { title: 'uncovered, allowed', check: pinned(resolvers.allow), isRight: accepts },
  { title: 'mismatch, reported', check: pinned(resolvers.reported), isRight: accepts },
  {
    title: 'mismatch, refused',
    check: pinned(resolvers.refused),
    isRight: (answer) => answer?.code === 'ERR_PIN_MISMATCH',
    share: 0.05,
  },
];
for (const variant of variants) variant.rounds = [];

/** µs of one check, over as many as the variant has its share of. */
function timeOf({ check, isRight, isNew, share = 1 }) {
  const certificates = Array.from({ length: Math.ceil(checks * share) }, () => shownAgain(isNew));
  const answers = certificates.map(() => undefined);
  const started = performance.now();
  for (let index = 0; index < certificates.length; index += 1) answers[index] = check(certificates[index]);
  const took = performance.now() - started;
  assert.ok(answers.every(isRight));
  return (took * 1_000) / certificates.length;
}

for (const variant of variants) timeOf(variant);
for (let round = 0; round < rounds; round += 1) {
  for (const variant of orderOf(variants, round)) variant.rounds.push(timeOf(variant));
}
await Promise.all(Object.values(resolvers).map((resolver) => resolver.close()));

const [plain, control] = variants;
const beyond = ({ rounds: times }) => times.map((time, round) => time - plain.rounds[round]);
const range = (numbers) => `[${Math.min(...numbers).toFixed(2)}–${Math.max(...numbers).toFixed(2)}]`;
const spread = beyond(control);
const rows = variants.map((variant) => {
  const more = beyond(variant);
  return [
    variant.title,
    median(variant.rounds).toFixed(2),
    variant === plain ? '' : `${median(more).toFixed(2)} ${range(more)}`,
  ];
});
console.log(
  [
    `checks of a certificate, ${key} keys, leaf ← intermediate ← root; ${rounds} rounds × ${checks} of each, interleaved`,
    machineLine(),
    '',
    ...tableLines([['', 'µs', "beyond Node's own A [min–max of rounds]"], ...rows]),
    '',
    `control (Node's own B beyond A): median ${median(spread).toFixed(2)} µs ${range(spread)}`,
    ...variants
      .filter(({ goal }) => goal !== undefined)
      .map((variant) => {
        const more = median(beyond(variant));
        return goalLine(`${variant.title} ≤ ${variant.goal} µs beyond Node's own`, more <= variant.goal, {
          min: 0,
          max: Math.abs(median(spread)) / variant.goal,
        });
      }),
  ].join('\n'),
);
