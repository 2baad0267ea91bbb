// A new connection after the first, with one small GET over it: https.Agent, which resumes sessions of which nobody is
// asked; another one as the control; PinnedAgent; and what is safe without it, a pinned https.Agent that resumes none.
import { strict as assert } from 'node:assert';
import { Agent, get } from 'node:https';
import { createStaticProvider, PinResolver } from '@pinvault/core';
import { PinnedAgent } from '@pinvault/node';
import { readArguments } from './support/arguments.mjs';
import { startNginx } from './support/nginx.mjs';
import { controlLine, goalLine, machineLine, ratioText, tableLines } from './support/report.mjs';
import { median, orderOf, ratios } from './support/rounds.mjs';
import { startServer } from './support/start-server.mjs';

const { rounds, connections, key } = readArguments(
  { rounds: 15, connections: 90, key: 'ec' },
  { key: ['ec', 'rsa'] },
);

/** One GET over a connection of its own; ms, and whether its session was resumed. */
function reconnect({ agent }, server, more) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    let isResumed;
    const sent = get(
      { host: '127.0.0.1', port: server.port, servername: server.host, path: '/', agent, ...more },
      (response) => {
        response.resume();
        assert.equal(response.statusCode, 200);
        const took = performance.now() - started;
        sent.socket.once('close', () => resolve({ took, isResumed }));
      },
    );
    sent.on('socket', (socket) => socket.once('secureConnect', () => (isResumed = socket.isSessionReused())));
    sent.on('error', reject);
  });
}

async function measure(title, server, version, goals) {
  // Where some are resumed and some are not, the median is one of the two and says nothing of the other.
  const typical = goals ? median : mean;
  const pins = await PinResolver.create(createStaticProvider({ [server.host]: server.pins.leaf }), {
    warnings: false,
  });
  const options = { keepAlive: false, ca: server.ca, minVersion: version, maxVersion: version };
  const safe = {
    ...options,
    ...pins.tlsOptions({ host: server.host, port: server.port }),
    maxCachedSessions: 0,
  };
  const plain = { title: 'https.Agent A', agent: new Agent(options) };
  const control = { title: 'https.Agent B (control)', agent: new Agent(options) };
  const pinned = { title: 'PinnedAgent', agent: new PinnedAgent(pins, options) };
  const full = { title: 'pinned https.Agent, resumes none', agent: new Agent(safe) };
  const variants = [plain, control, pinned, full];
  for (const variant of variants) Object.assign(variant, { times: [], resumed: 0 });
  // The first one, and what is compiled on the way.
  for (let step = 0; step < 30; step += 1) for (const variant of variants) await reconnect(variant, server);
  for (let index = 0; index < rounds; index += 1) {
    const times = new Map(variants.map((variant) => [variant, []]));
    for (let step = 0; step < connections; step += 1) {
      for (const variant of orderOf(variants, step)) {
        const { took, isResumed } = await reconnect(variant, server);
        times.get(variant).push(took);
        variant.resumed += isResumed ? 1 : 0;
      }
    }
    for (const [variant, all] of times) variant.times.push(typical(all));
  }
  assert.equal(plain.resumed, rounds * connections);
  assert.equal(full.resumed, 0);
  for (const { agent } of variants) agent.destroy();
  await pins.close();
  const ratioOf = (variant) => ratios(variant.times, plain.times);
  const gain = ratios(full.times, pinned.times);
  const rows = variants.map((variant) => [
    variant.title,
    median(variant.times).toFixed(3),
    `${Math.round((100 * variant.resumed) / rounds / connections)} %`,
    variant === plain ? '1' : ratioText(ratioOf(variant)),
  ]);
  const spread = ratioOf(control);
  return [
    '',
    ...tableLines([
      [title, goals ? 'median ms' : 'mean ms', 'resumed', 'to https.Agent A [min–max of rounds]'],
      ...rows,
    ]),
    `resumes none, to PinnedAgent: ${ratioText(gain)}; ${controlLine(spread)}`,
    ...(goals
      ? [
          goalLine('pinned ≤ 1.05 of plain', ratioOf(pinned).median <= 1.05, spread),
          goalLine('≥ 1.4 × faster than without resumption', gain.median >= 1.4, spread),
        ]
      : ['no goal: this server gives two tickets with a full handshake and none with a resumed one,']),
    ...(goals
      ? []
      : ['and PinnedAgent uses each once (RFC 8446 appendix C.4), https.Agent the last again and again']),
  ];
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

const lines = [];
const nginx = await startNginx(key);
if (nginx === undefined) lines.push('', 'nginx: not found (apt-get install nginx, or PINVAULT_NGINX)');
else {
  for (const version of ['TLSv1.3', 'TLSv1.2'])
    lines.push(...(await measure(`nginx, ${version}`, nginx, version, true)));
  await nginx.stop();
}
const node = await startServer(key);
lines.push(...(await measure('Node, TLSv1.2', node, 'TLSv1.2', true)));
lines.push(...(await measure('Node, TLSv1.3', node, 'TLSv1.3', false)));
await node.stop();

console.log(
  [
    `a GET over a new connection after the first, ${key} keys; ${rounds} rounds × ${connections} of each, interleaved`,
    machineLine(),
    ...lines,
  ].join('\n'),
);
