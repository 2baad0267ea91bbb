import { createServer } from 'node:http';
import got from 'got';
import { createPinResolver, PinnedAgent, pinErrorCode } from 'pinvault';

const pins = await createPinResolver();
const agent = new PinnedAgent(pins); // one per process, kept
const upstream = got.extend({ agent: { https: agent } });

const server = createServer(async (_request, response) => {
  try {
    response.end(await upstream(process.env.UPSTREAM_URL).text());
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
