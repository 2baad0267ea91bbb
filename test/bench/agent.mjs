// Small GETs over warm pools: https.Agent, another one as the control, and PinnedAgent.
import { Agent, get } from 'node:https';
import { PinnedAgent } from '@pinvault/node';
import { benchWarmPool, connections, pins, server } from './support/warm-pool.mjs';

const options = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections, ca: server.ca };

await benchWarmPool({
  variants: [
    { title: 'https.Agent A', client: new Agent(options) },
    { title: 'https.Agent B (control)', client: new Agent(options) },
    { title: 'PinnedAgent', client: new PinnedAgent(pins, options) },
  ],
  request,
  close: (agent) => agent.destroy(),
});

function request(agent) {
  return new Promise((resolve, reject) => {
    const sent = get(
      { host: '127.0.0.1', port: server.port, servername: server.host, path: '/', agent },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => {
          if (response.statusCode === 200 && text === 'ok') resolve();
          else reject(new Error(`${response.statusCode} ${text}`));
        });
      },
    );
    sent.on('error', reject);
  });
}
