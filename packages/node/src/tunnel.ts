import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import https from 'node:https';
import { isIP, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { http } from './node-http.js';
import type { ProxySettings } from './proxy-options.js';
import { serverName } from './target.js';

/** What a tunnel's owner learns of a proxy whose pins no longer accept it. */
export interface ProxyWatch {
  /** How long what is under way in the tunnel may go on, in ms. */
  readonly graceMs: number;
  /** Time to use the tunnel for nothing new. */
  readonly onDrain: (tunnel: Duplex, reason: Error) => void;
}

/**
 * Digs a tunnel to `host:port` through a proxy (RFC 9110 §9.3.6), by Node's own client. Nothing but the CONNECT has gone
 * to the proxy when it resolves, and nothing at all has come out of the tunnel.
 *
 * @throws Error (`ERR_PROXY_TUNNEL`, Node's own code) where the proxy answers with anything but 2xx, or not in time;
 *   PinError where the proxy's pins refuse it; Node's own error of the dial
 */
export async function digTunnel(
  proxy: URL,
  host: string,
  port: number,
  settings: Omit<ProxySettings, 'proxyOf'>,
  watch: ProxyWatch,
  signal: AbortSignal,
): Promise<Duplex> {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const request = connectRequest(proxy, authority, settings, watch);
  return new Promise((resolve, reject) => {
    const giveUp = (reason: Error): void => void request.destroy(reason);
    const onAbort = (): void => giveUp(signal.reason as Error);
    const timer = setTimeout(
      () => giveUp(tunnelError(authority, `did not answer within ${settings.tunnelTimeoutMs} ms`)),
      settings.tunnelTimeoutMs,
    );
    const stop = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    request.once('error', (error) => {
      stop();
      reject(error);
    });
    request.once('connect', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      stop();
      const why = whyNoTunnel(response, head);
      if (why === undefined) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(tunnelError(authority, why));
    });
    if (signal.aborted) onAbort();
    else request.end();
  });
}

function whyNoTunnel({ statusCode = 0 }: IncomingMessage, head: Buffer): string | undefined {
  if (statusCode < 200 || statusCode > 299) return `answered ${statusCode}`;
  // A TLS server speaks second: whatever this is, it is not the target's.
  return head.length > 0 ? 'spoke where the target has to' : undefined;
}

function tunnelError(authority: string, why: string): Error {
  return Object.assign(new Error(`the proxy ${why} to CONNECT ${authority}`), { code: 'ERR_PROXY_TUNNEL' });
}

function connectRequest(
  proxy: URL,
  authority: string,
  { proxyTls, proxyPins }: Pick<ProxySettings, 'proxyTls' | 'proxyPins'>,
  { graceMs, onDrain }: ProxyWatch,
): ClientRequest {
  const host = proxy.hostname.replace(/^\[|\]$/g, '');
  const isTls = proxy.protocol === 'https:';
  const port = proxy.port === '' ? (isTls ? 443 : 80) : Number(proxy.port);
  const options: RequestOptions = {
    agent: false,
    host,
    port,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...authorization(proxy) },
  };
  if (!isTls) return http.request(options);
  const request = https.request({
    ...proxyTls,
    ...options,
    // Node takes it from the Host header otherwise, which names the target.
    servername: proxyTls.servername ?? serverName(host),
    // Explicit, also against NODE_TLS_REJECT_UNAUTHORIZED=0.
    rejectUnauthorized: true,
    ...proxyPins?.tlsOptions({ host: nameOf(proxyTls.servername, host), port }),
  } as https.RequestOptions);
  if (proxyPins !== undefined) {
    request.once('socket', (socket) => {
      proxyPins.guardSocket(
        socket as TLSSocket,
        { host: nameOf(proxyTls.servername, host), port },
        { graceMs, onDrain: (reason) => onDrain(socket, reason) },
      );
    });
  }
  return request;
}

function nameOf(servername: string | undefined, host: string): string {
  return servername !== undefined && servername !== '' && isIP(servername) === 0 ? servername : host;
}

function authorization({ username, password }: URL): { 'proxy-authorization'?: string } {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}
