import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import type { Target } from '@pinvault/core';

type Named = Pick<RequestOptions, 'servername' | 'host' | 'port'>;

/** What a connection is judged for: the name that the certificate has to carry, and the port. The agent's options win, as in Node. */
export function targetOf(options: Named, agentOptions: Named = {}): Target {
  const servername = agentOptions.servername ?? options.servername;
  const port = agentOptions.port ?? options.port;
  return {
    host:
      typeof servername === 'string' && servername !== ''
        ? servername
        : (agentOptions.host ?? options.host ?? 'localhost'),
    port: port === undefined || port === null ? 443 : Number(port),
  };
}

/** The `servername` for a host: none for an address (RFC 6066 §3). */
export function serverName(host: string | null | undefined): string {
  return typeof host === 'string' && isIP(host) === 0 ? host : '';
}
