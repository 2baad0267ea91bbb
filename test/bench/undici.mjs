// Small GETs over warm pools: undici's Agent, another one as the control, and PinnedDispatcher.
import { PinnedDispatcher } from '@pinvault/undici';
import { Agent } from 'undici';
import { benchWarmPool, connections, pins, server } from './support/warm-pool.mjs';

// A pool that the server's pauses do not shrink.
const options = {
  connections,
  keepAliveTimeout: 60_000,
  connect: { ca: server.ca, servername: server.host },
};
const origin = `https://127.0.0.1:${server.port}`;

await benchWarmPool({
  variants: [
    { title: 'Agent A', client: new Agent(options) },
    { title: 'Agent B (control)', client: new Agent(options) },
    { title: 'PinnedDispatcher', client: new PinnedDispatcher(pins, options) },
  ],
  async request(dispatcher) {
    const { statusCode, body } = await dispatcher.request({ origin, path: '/', method: 'GET' });
    const text = await body.text();
    if (statusCode !== 200 || text !== 'ok') throw new Error(`${statusCode} ${text}`);
  },
  close: (dispatcher) => dispatcher.destroy(),
});
