import { createStaticProvider, PinResolver } from '@pinvault/core';
import { loopbackLookup } from '@pinvault/testing';
import { PinnedAgent } from '#src/index.js';
import { host, request } from './pinned-service.js';

// One request, and then nothing is closed: the process has to end by itself.
const { port, ca, pin } = JSON.parse(process.env['SETTINGS'] ?? '') as {
  port: number;
  ca: string;
  pin: string;
};
const pins = await PinResolver.create(createStaticProvider({ [host]: pin }), { warnings: false });
const agent = new PinnedAgent(pins, { ca, lookup: loopbackLookup });
const answer = await request({ host, port, agent });
process.exitCode = 'status' in answer && Object.keys(agent.freeSockets).length === 1 ? 0 : 1;
process.disconnect();
