import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

// Below those that systems give to outgoing connections and to `listen(0)` (from 32768 or 49152 on): one of these would
// be taken before the server has it, or while the server is down.
const lowest = 12_000;
const highest = 32_000;
const startAttempts = 3;

/** A free port on the loopback whose successor is free too: the server takes that one for its cluster listener. */
export async function freePortPair(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest);
    const first = await listen(port).catch(() => undefined);
    if (first === undefined) continue;
    const second = await listen(port + 1).catch(() => undefined);
    await Promise.all([close(first), second && close(second)]);
    if (second) return port;
  }
}

/** Starts again, on other ports, where one was taken between our look and the server's bind: its log says so in the error. */
export async function withFreePorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt === startAttempts || !String(error).includes('address already in use')) throw error;
    }
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
