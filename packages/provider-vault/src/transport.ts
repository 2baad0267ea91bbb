import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { SecureContext } from 'node:tls';
import { createStaticProvider, PinDocumentError, type PinError, PinResolver } from '@pinvault/core';
import { PinnedAgent } from '@pinvault/node';
import { closed, endedByCaller, refusedRedirect, requestFailure, timedOut } from './failures.js';
import type { VaultSettings } from './options.js';

/** What came back, as far as anybody looks at it. */
export interface VaultResponse {
  readonly statusCode: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** One request. The token is among the headers; the body goes out as JSON. */
export interface VaultRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'LIST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
}

/** The header that holds the token. */
export const tokenHeader = 'X-Vault-Token';

// A document is 1 MiB at most; the vault wraps it in JSON.
const maxBodyBytes = 2 * 1024 * 1024;

/**
 * The way to the vault: Node's own https, so that CA, pins, deadline and body size are ours to bound. Each request opens
 * a connection of its own, so that the vault's certificate is checked anew, and holds no process open.
 */
export class VaultTransport {
  readonly #settings: VaultSettings;
  #agent: Promise<HttpAgent> | undefined;
  #endpointPins: PinResolver | undefined;
  readonly #underWay = new Set<AbortController>();
  #isClosed = false;

  constructor(settings: VaultSettings) {
    this.#settings = settings;
  }

  /** One GET, as {@link request}. @throws PinError */
  async get(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<VaultResponse> {
    return this.request({ method: 'GET', url, headers }, signal);
  }

  /** One request. Follows at most one redirect, and none that leaves the vault's origin. @throws PinError */
  async request(asked: VaultRequest, signal: AbortSignal): Promise<VaultResponse> {
    const { url, headers } = asked;
    const { address, timeoutMs } = this.#settings;
    if (this.#isClosed) throw closed(address);
    if (signal.aborted) throw endedByCaller(address, signal.reason);
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(endedByCaller(address, signal.reason));
    const timer = setTimeout(() => ending.abort(timedOut(address, timeoutMs)), timeoutMs).unref();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#underWay.add(ending);
    try {
      const first = await this.#exchange(asked, url, ending.signal);
      if (first.location === undefined) return first;
      const target = new URL(first.location, url);
      const second = await this.#exchange(asked, target, ending.signal);
      if (second.location === undefined) return second;
      throw refusedRedirect(address, new URL(second.location, target), headers[tokenHeader] ?? '');
    } catch (error) {
      throw ending.signal.aborted ? (ending.signal.reason as PinError) : requestFailure(error, address);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#underWay.delete(ending);
    }
  }

  /** What a connection to the vault that stays open is opened with: as that of a request. @throws PinError */
  async connection(): Promise<{ readonly agent: HttpAgent; readonly secureContext?: SecureContext }> {
    const { address, secureContexts } = this.#settings;
    if (this.#isClosed) throw closed(address);
    this.#agent ??= this.#createAgent();
    const agent = await this.#agent;
    return address.protocol === 'https:' ? { agent, secureContext: secureContexts.current() } : { agent };
  }

  /** Ends what is under way, too. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const ending of this.#underWay) ending.abort(closed(this.#settings.address));
    (await this.#agent?.catch(() => undefined))?.destroy();
    await this.#endpointPins?.close();
  }

  async #exchange(
    { method, headers, body }: VaultRequest,
    url: URL,
    signal: AbortSignal,
  ): Promise<VaultResponse & { readonly location?: string | undefined }> {
    const { address, secureContexts } = this.#settings;
    // The token is in the headers: it goes to the configured vault and nowhere else.
    if (url.origin !== address.origin) throw refusedRedirect(address, url, headers[tokenHeader] ?? '');
    this.#agent ??= this.#createAgent();
    const agent = await this.#agent;
    const isSecure = url.protocol === 'https:';
    const send = isSecure ? httpsRequest : httpRequest;
    const tls = isSecure ? { secureContext: secureContexts.current() } : {};
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send(url, { method, agent, signal, ...tls });
      // Not among the options: those Node prints under NODE_DEBUG=http, and with them the token.
      for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
      request.setHeader('accept', 'application/json');
      // Some listeners (Vault Agent's) ask for it, so that no browser can be made to send a request.
      request.setHeader('X-Vault-Request', 'true');
      // The resolver holds the process while it starts; a read in the background never does.
      request.once('socket', (socket) => socket.unref());
      request.once('response', resolve);
      request.once('error', reject);
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
      text: await readBounded(response, this.#settings),
      ...(isRedirect ? { location: answered.location } : {}),
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
    // `*`: whatever name the vault goes by, it is the only host that this agent ever meets.
    const provider = createStaticProvider({ '*': [...pins] }, 'vault.pins');
    const resolver = await PinResolver.create(provider, {
      maxStaleMs: Infinity,
      refreshIntervalMs: 86_400_000,
      warnings: false,
    });
    this.#endpointPins = resolver;
    if (this.#isClosed) await resolver.close();
    return new PinnedAgent(resolver, tlsOptions);
  }
}

async function readBounded(response: IncomingMessage, { address, secret }: VaultSettings): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBodyBytes) {
      throw new PinDocumentError(
        'ERR_DOCUMENT_TOO_LARGE',
        `${address.host} answers the read of ${secret.text} with more than ${maxBodyBytes} bytes`,
        {
          reason: 'too-large',
          hint: 'is it the right secret?',
        },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
