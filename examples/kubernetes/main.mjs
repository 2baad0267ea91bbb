import { createServer } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { createPinResolver, PinnedAgent, pinErrorCode } from 'pinvault';

// PINVAULT_PINS_FILE is the file in the volume: an edit of the secret arrives without a restart.
const pins = await createPinResolver();
const agent = new PinnedAgent(pins);
pins.on('rotate', ({ changed, added, removed }) =>
  console.log(`pins rotated: ${[...added, ...changed, ...removed].join(', ')}`),
);

const server = createServer(async (request, response) => {
  try {
    if (request.url === '/ready') {
      const { state } = pins.status();
      response.writeHead(state === 'expired' ? 503 : 200).end(state);
      return;
    }
    const body = await new Promise((resolve, reject) => {
      https.get(process.env.UPSTREAM_URL, { agent }, (answer) => resolve(text(answer))).once('error', reject);
    });
    response.end(body);
  } catch (error) {
    response.writeHead(502).end(pinErrorCode(error) ?? 'upstream failed');
  }
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1', () =>
  console.log(`listening on ${server.address().port}`),
);
process.once('SIGTERM', async () => {
  server.close();
  agent.destroy();
  await pins.close();
});
