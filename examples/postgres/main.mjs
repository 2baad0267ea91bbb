import { createServer } from 'node:http';
import pg from 'pg';
import { createPinResolver, pinErrorCode, pinnedPgConfig } from 'pinvault';

const pins = await createPinResolver();
// No ?sslmode= in DATABASE_URL: pg would drop the pins for it, and pinnedPgConfig refuses it.
const pool = new pg.Pool(
  pinnedPgConfig(pins, { connectionString: process.env.DATABASE_URL, maxLifetimeSeconds: 300 }),
);
pool.on('error', (error) => console.error(pinErrorCode(error) ?? error.message));

const server = createServer(async (_request, response) => {
  try {
    const { rows } = await pool.query("select 'ok' as text");
    response.end(rows[0].text);
  } catch (error) {
    response.writeHead(502).end(pinErrorCode(error) ?? 'upstream failed');
  }
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1', () =>
  console.log(`listening on ${server.address().port}`),
);
process.once('SIGTERM', async () => {
  server.close();
  await pool.end();
  await pins.close();
});
