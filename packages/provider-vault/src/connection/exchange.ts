import {
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as httpRequest,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { PinDocumentError, PinProviderError, type PinResolver } from '@pinvault/core';
import { createEndpointResolver, PinnedAgent } from '@pinvault/node';
import type { VaultSettings } from '../options.js';
import type { VaultRequest, VaultResponse } from '../transport.js';
import type { VaultNode } from './address.js';
import { openTunnel, placeOf } from './proxy.js';

/** What one exchange needs beside the request. */
export interface Destination {
  readonly node: VaultNode;
  readonly url: URL;
  readonly signal: AbortSignal;
  /** Called when bytes of the request may have left. */
  readonly onSent: () => void;
}

// A document is 1 MiB at most; the vault wraps it in JSON.
const maxBodyBytes = 2 * 1024 * 1024;

/**
 * One request to one node: Node's own https, so that CA, pins, deadline and body size are ours to bound. Each opens a
 * connection of its own, so that the vault's certificate is checked anew, and holds no process open.
 */
export class Exchange {
  readonly #settings: VaultSettings;
  #agent: Promise<HttpAgent> | undefined;
  #endpointPins: PinResolver | undefined;
  #isClosed = false;

  constructor(settings: VaultSettings) {
    this.#settings = settings;
  }

  async run(
    { method, headers, body }: VaultRequest,
    destination: Destination,
  ): Promise<VaultResponse & { readonly location?: string | undefined }> {
    const { signal, onSent, node } = destination;
    this.#agent ??= this.#createAgent();
    const agent = await this.#agent;
    const road = await this.#roadTo(destination);
    const send = road.isTls ? httpsRequest : httpRequest;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send(road.url, { method, signal, ...road.options, agent: road.agent ?? agent });
      // Not among the options: those Node prints under NODE_DEBUG=http, and with them the token.
      for (const [name, value] of Object.entries({ ...headers, ...road.headers }))
        request.setHeader(name, value);
      request.setHeader('accept', 'application/json');
      // Some listeners (Vault Agent's) ask for it, so that no browser can be made to send a request.
      request.setHeader('X-Vault-Request', 'true');
      request.once('socket', (socket) => {
        // The resolver holds the process while it starts; a read in the background never does.
        socket.unref();
        const isReady = road.isTls ? (socket as TLSSocket).authorized : !socket.connecting;
        if (isReady) onSent();
        else socket.once(road.isTls ? 'secureConnect' : 'connect', onSent);
      });
      request.once('response', resolve);
      request.once('error', reject);
      // Nobody follows a switch of protocols (101): Node ends such a connection, and says so by this alone.
      request.once('close', () => reject(Object.assign(new Error('no answer'), { code: 'ECONNRESET' })));
      if (body === undefined) {
        request.end();
        return;
      }
      request.setHeader('content-type', 'application/json');
      request.end(JSON.stringify(body));
    });
    const { statusCode = 0, headers: answered } = response;
    const isRedirect = statusCode >= 300 && statusCode < 400 && answered.location !== undefined;
    return {
      statusCode,
      contentType: answered['content-type'] ?? '',
      retryAfter: answered['retry-after'],
      isLoginRefused: answered['x-vault-inline-auth-failed'] !== undefined,
      text: await readBounded(response, node, this.#settings),
      from: node.host,
      ...(isRedirect ? { location: answered.location } : {}),
    };
  }

  /** How a WebSocket is opened: as a request, and to the same certificate. @throws PinProviderError */
  async webSocketTo(node: VaultNode, url: URL, signal: AbortSignal): Promise<SocketRoad> {
    const isPlain = url.protocol === 'http:';
    if (node.socketPath !== undefined || (isPlain && this.#settings.proxy !== undefined))
      throw new PinProviderError(
        'ERR_PROVIDER_UNAVAILABLE',
        `the events of the vault at ${node.host} do not come through ${node.socketPath === undefined ? 'a proxy for plain http' : 'a socket of this machine'}`,
        { provider: 'vault', detail: 'no-road' },
      );
    this.#agent ??= this.#createAgent();
    const agent = await this.#agent;
    const { options, headers } = await this.#roadTo({ node, url, signal, onSent: () => undefined });
    const { host: _host, port: _port, ...rest } = options;
    const to = new URL(url);
    to.protocol = isPlain ? 'ws:' : 'wss:';
    if (node.dial !== undefined) to.host = `${node.dial.host}:${node.dial.port}`;
    return { url: to, options: { ...rest, agent }, headers };
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    (await this.#agent?.catch(() => undefined))?.destroy();
    await this.#endpointPins?.close();
  }

  async #roadTo({ node, url, signal }: Destination): Promise<Road> {
    const { proxy, secureContexts } = this.#settings;
    const { host, port } = placeOf(node);
    const dialled = node.dial === undefined ? {} : { hostname: host, port };
    if (url.protocol === 'http:') {
      if (proxy === undefined)
        return {
          url,
          isTls: false,
          options: node.socketPath === undefined ? dialled : { socketPath: node.socketPath },
          headers: { host: url.host },
        };
      // RFC 9112 §3.2.2: to a proxy the request names the whole address.
      const authorization =
        proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization };
      const path = node.dial === undefined ? url.href : `http://${host}:${port}${url.pathname}${url.search}`;
      const isTls = proxy.url.protocol === 'https:';
      const agent = isTls ? new HttpsAgent({ rejectUnauthorized: true }) : undefined;
      return {
        url: proxy.url,
        isTls,
        agent,
        options: { path },
        headers: { host: url.host, ...authorization },
      };
    }
    const secureContext = secureContexts.current();
    const socket = proxy === undefined ? undefined : await openTunnel(proxy, node, signal);
    const options = { ...dialled, secureContext, ...(socket === undefined ? {} : { socket }) };
    // The name of the address, wherever DNS says that it is served: what answers a look-up is no proof of anything.
    return {
      url,
      isTls: true,
      options: { servername: nameOf(url), ...options },
      headers: { host: url.host },
    };
  }

  async #createAgent(): Promise<HttpAgent> {
    const { address, servername, pins, skipVerify } = this.#settings;
    if (address.protocol === 'http:') return new HttpAgent({ keepAlive: false });
    const tlsOptions = {
      keepAlive: false,
      maxCachedSessions: 0,
      rejectUnauthorized: !skipVerify,
      ...(servername === undefined ? {} : { servername }),
    };
    if (pins === undefined) return new HttpsAgent(tlsOptions);
    const resolver = await createEndpointResolver('vault.pins', pins);
    this.#endpointPins = resolver;
    if (this.#isClosed) await resolver.close();
    return new PinnedAgent(resolver, tlsOptions);
  }
}

/** How a WebSocket to the vault is opened. */
export interface SocketRoad {
  /** `ws:` or `wss:`. */
  readonly url: URL;
  readonly options: RequestOptions & { readonly servername?: string };
  readonly headers: Readonly<Record<string, string>>;
}

interface Road {
  readonly url: URL;
  readonly isTls: boolean;
  /** In place of the agent for the vault. */
  readonly agent?: HttpAgent | undefined;
  readonly options: RequestOptions & { readonly servername?: string };
  readonly headers: Readonly<Record<string, string>>;
}

/** None for an address (RFC 6066 §3): Node then checks the address itself. */
function nameOf({ hostname }: URL): string {
  return /^[\d.]+$|^\[/u.test(hostname) ? '' : hostname;
}

async function readBounded(
  response: IncomingMessage,
  { host }: VaultNode,
  { secret }: VaultSettings,
): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBodyBytes) {
      throw new PinDocumentError(
        'ERR_DOCUMENT_TOO_LARGE',
        `${host} answers the read of ${secret.text} with more than ${maxBodyBytes} bytes`,
        { reason: 'too-large', hint: 'is it the right secret?' },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
