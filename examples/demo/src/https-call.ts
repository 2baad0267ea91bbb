import { type Agent, request } from 'node:https';
import { TLSSocket } from 'node:tls';

/** Where a request goes, and through which agent. */
export interface Call {
  readonly agent: Agent;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** A whole answer, and the connection on which it came. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly socket: TLSSocket;
  /** SHA-256 of the server's certificate, as Node writes it. */
  readonly fingerprint: string;
}

/** What every request of the demo carries: the reason why an attacker wants to stand in between. */
export const bearerToken = 'demo-customer-token';

const limitMs = 5_000;

/** One GET request over HTTPS, with nothing of pinvault in it: the agent is all there is to pinning. */
export async function callHttps({ agent, host, port, path }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      agent,
      host,
      port,
      path,
      headers: { authorization: `Bearer ${bearerToken}` },
      signal: AbortSignal.timeout(limitMs),
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const { socket } = response;
      if (!(socket instanceof TLSSocket)) {
        outgoing.destroy(new Error('the answer came over a connection without TLS'));
        return;
      }
      // Now: when the response ends, the socket may be gone.
      const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, socket, fingerprint }));
    });
    outgoing.end();
  });
}
