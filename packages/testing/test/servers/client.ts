import { request as httpsRequest, type Agent, type RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { loopbackLookup, type TestTlsServer } from '#src/index.js';

/** The name that the test certificates are for. */
export const host = 'api.example.test';

/** One request with full verification; resolves with status, body and the socket it went over. */
export async function get(
  server: TestTlsServer,
  ca: string,
  more: RequestOptions & { readonly agent?: Agent | false } = {},
): Promise<{ readonly status: number; readonly body: string; readonly socket: TLSSocket }> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host,
      port: server.port,
      ca,
      lookup: loopbackLookup,
      agent: false,
      ...more,
    });
    request.once('error', reject);
    request.once('response', (response) => {
      const socket = response.socket as TLSSocket;
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body, socket }), reject);
    });
    request.end();
  });
}

/** A verified connection without HTTP on it. */
export async function dial(
  server: TestTlsServer,
  ca: string,
  more: ConnectionOptions = {},
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      servername: host,
      port: server.port,
      ca,
      lookup: loopbackLookup,
      ...more,
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Waits for something that the server's side of a socket does a moment later. */
export async function eventually(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 3_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 3 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
