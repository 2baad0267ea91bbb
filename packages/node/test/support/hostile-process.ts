import https from 'node:https';
import { createStaticProvider, PinResolver } from '@pinvault/core';
import { createRootCa, loopbackLookup, startTlsServer } from '@pinvault/testing';
import { PinnedAgent, type PinSource } from '#src/index.js';
import { codeOf, host, request } from './pinned-service.js';

// Run with verification switched off by the environment, and with a handler that swallows every exception, as loggers
// and test runners install it.
process.on('uncaughtException', () => undefined);

const scenario = process.argv[2] ?? '';
const root = await createRootCa({ subject: 'Example Root' });
const stranger = await createRootCa({ subject: 'Stranger' });
const issuer = scenario === 'untrusted' ? stranger : root;
// dNSName with a NUL and a newline in it, as IA5String (RFC 5280 §4.2.1.6 allows neither).
const malformed = { oid: '2.5.29.17', critical: false, value: Buffer.from('300682046100620a', 'hex') };
const leaf = await issuer.issue(
  scenario === 'malformed name'
    ? { subject: host, extensions: [malformed] }
    : { subject: host, hosts: [host] },
);
const server = await startTlsServer({ chain: [leaf] });
const other = await root.issue({ hosts: [host] });
const pinned = scenario === 'untrusted' || scenario === 'malformed name' ? leaf.pin : other.pin;
const pins = await PinResolver.create(createStaticProvider({ [host]: pinned }), {
  warnings: false,
  onEvent: () => {
    if (scenario === 'throwing listener') throw new Error('a listener that throws');
  },
});
const throwing: PinSource = {
  verify: () => {
    throw new Error('a store that throws');
  },
  judge: () => {
    throw new Error('a store that throws');
  },
  on: () => undefined,
  off: () => undefined,
};
const agent = new PinnedAgent(scenario === 'throwing store' ? throwing : pins, {
  ca: root.pem,
  lookup: loopbackLookup,
});
const options = { host, port: server.port, method: 'POST', headers: { authorization: 'Bearer canary' } };

const answer = await request({ ...options, agent }, Buffer.alloc(200_000, 'x'));
const bytes = server.applicationBytes;
// What the environment does to a client without pins: the twin that shows that it is in force.
const plain = await request(
  { ...options, agent: new https.Agent({ ca: root.pem, lookup: loopbackLookup }) },
  'x',
);
process.send?.({
  error: 'error' in answer ? `${codeOf(answer) ?? ''} ${answer.error.message}` : '',
  bytes,
  plainStatus: 'status' in plain ? plain.status : 0,
});
agent.destroy();
await server.close();
await pins.close();
process.disconnect();
