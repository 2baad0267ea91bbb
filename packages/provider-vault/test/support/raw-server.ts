import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP server that does what no HTTP server would. */
export interface RawServer {
  readonly address: string;
  readonly connections: number;
  /** Resolves when a client has ended the present connection. */
  closed(): Promise<void>;
  close(): Promise<void>;
}

/** Listens on the loopback; `onConnection` gets each socket, its errors are ignored. */
export async function startRawServer(onConnection: (socket: Socket) => void): Promise<RawServer> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    counters.connections += 1;
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
    // Without a reader the end of the connection is never seen.
    socket.resume();
    onConnection(socket);
  });
  const counters = { connections: 0 };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${String(port)}`,
    get connections() {
      return counters.connections;
    },
    async closed() {
      // Not events.once: a reset, which is an end as well, would reject it.
      await Promise.all([...open].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    },
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
