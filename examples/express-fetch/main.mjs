import express from 'express';
import { createPinResolver, pinErrorCode } from 'pinvault';
import { createPinnedFetch } from 'pinvault/undici';

const pins = await createPinResolver();
const fetch = createPinnedFetch(pins);
const app = express();

app.get('/', async (_request, response) => {
  try {
    const answer = await fetch(process.env.UPSTREAM_URL);
    response.status(answer.status).send(await answer.text());
  } catch (error) {
    response.status(502).send(pinErrorCode(error) ?? 'upstream failed');
  }
});
app.get('/health', (_request, response) => void response.json(pins.status()));

const server = app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1', () =>
  console.log(`listening on ${server.address().port}`),
);
process.once('SIGTERM', async () => {
  server.close();
  await pins.close();
});
