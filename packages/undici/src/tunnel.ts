import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import type { ConnectRequest } from './handshake.js';

/** Leads to a target through a proxy: gives the bytes' way to it, without TLS. */
export type Tunnel = buildConnector.connector;

/** undici's own way through a proxy, up to where TLS would begin: that is ours. */
export function dig(
  tunnel: Tunnel,
  request: ConnectRequest,
  port: number,
  onStream: (...result: [null, Socket] | [Error, null]) => void,
): void {
  let isOver = false;
  const name = request.hostname.includes(':') ? `[${request.hostname}]` : request.hostname;
  tunnel(
    { ...request, protocol: 'http:', host: `${name}:${port}`, port: String(port) },
    (...result: [null, Socket] | [Error, null]) => {
      // What is thrown in here would come back as a second result.
      if (isOver) return;
      isOver = true;
      onStream(...result);
    },
  );
}
