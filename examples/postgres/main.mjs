import { createServer } from 'node:http';
import pg from 'pg';
import { createPinResolver, pinErrorCode, pinnedPgConfig } from 'pinvault';

const pins = await createPinResolver();
// No ?sslmode= in DATABASE_URL: pg would drop the pins for it, and pinnedPgConfig refuses it.
const connectionString = process.env.DATABASE_URL;
const pool = new pg.Pool(pinnedPgConfig(pins, { connectionString }));
// What the pool keeps ends with its pin. Without a policy, a query under way has 30 s.
const { hostname: host, port } = new URL(connectionString);
pool.on('connect', ({ connection }) =>
  pins.guardSocket(connection.stream, { host, port: Number(port || 5432) }, { policy: 'close' }),
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
