import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { proxyFailure } from '../failures.js';
import type { VaultNode } from './address.js';

/** An HTTP proxy on the way to the vault. */
export interface VaultProxy {
  readonly url: URL;
  /** How texts name it: without the password. */
  readonly host: string;
  readonly authorization: string | undefined;
}

/** Reads `http://[user:password@]host[:port]`, or says what is wrong with it; the text never holds the address itself. */
export function parseProxy(text: string): VaultProxy | { readonly problem: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { problem: 'is no address of a proxy, such as http://proxy.example.com:3128' };
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { problem: 'is no HTTP proxy: it has to begin with http:// or https://' };
  if (url.search !== '' || url.hash !== '' || url.pathname !== '/')
    return { problem: 'holds more than scheme, user, host and port' };
  const { username, password } = url;
  let authorization: string | undefined;
  if (username !== '' || password !== '') {
    try {
      const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
      authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
    } catch {
      return { problem: 'holds a user or a password with a broken escape: a % is written %25' };
    }
  }
  url.username = url.password = '';
  return { url, host: url.host, authorization };
}

/** Where the node is dialled. */
export function placeOf({ url, dial }: VaultNode): { readonly host: string; readonly port: number } {
  if (dial !== undefined) return dial;
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[(.*)\]$/u, '$1'), port };
}

/**
 * A connection to the node through the proxy (RFC 9110 §9.3.6). TLS with the vault runs inside of it: the proxy sees no
 * token. @throws PinProviderError
 */
export async function openTunnel(proxy: VaultProxy, node: VaultNode, signal: AbortSignal): Promise<Socket> {
  const { host, port } = placeOf(node);
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const connect = proxy.url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    // Explicit, also against NODE_TLS_REJECT_UNAUTHORIZED=0.
    const security = { rejectUnauthorized: true };
    const request = connect(proxy.url, {
      method: 'CONNECT',
      path: authority,
      agent: false,
      signal,
      ...security,
    });
    request.setHeader('host', authority);
    // Not among the options: those Node prints under NODE_DEBUG=http.
    if (proxy.authorization !== undefined) request.setHeader('proxy-authorization', proxy.authorization);
    request.once('socket', (socket) => socket.unref());
    request.once('connect', (response, socket: Socket, head) => {
      const { statusCode = 0 } = response;
      // A vault waits for TLS to begin: who speaks before is not one.
      if (statusCode === 200 && head.length === 0) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(proxyFailure(proxy, node.host, undefined, statusCode));
    });
    request.once('error', (error) => reject(proxyFailure(proxy, node.host, error)));
    request.end();
  });
}
