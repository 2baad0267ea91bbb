import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** A free port on the loopback whose successor is free too: the server takes that one for its cluster listener. */
export async function freePortPair(): Promise<number> {
  for (;;) {
    const first = await listen(0);
    const port = portOf(first);
    const second = port < 65_535 ? await listen(port + 1).catch(() => undefined) : undefined;
    await Promise.all([close(first), second && close(second)]);
    if (second) return port;
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
