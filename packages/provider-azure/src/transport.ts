import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import {
  Agent as HttpsAgent,
  type AgentOptions,
  type RequestOptions,
  request as httpsRequest,
} from 'node:https';
import type { SecretClientOptions } from '@azure/keyvault-secrets';
import { PinDocumentError, type PinResolver } from '@pinvault/core';
import { createEndpointResolver, PinnedAgent } from '@pinvault/node';
import { bodyForSdk } from './answer-body.js';
import { AnswerHeaders } from './answer-headers.js';
import { closed, refusedProxy, refusedRedirect, type VaultPlace } from './failures.js';

type SdkHttpClient = NonNullable<SecretClientOptions['httpClient']>;
type SdkRequest = Parameters<SdkHttpClient['sendRequest']>[0];
type SdkResponse = Awaited<ReturnType<SdkHttpClient['sendRequest']>>;

/** Where the requests of the SDK go, and under which conditions. */
export interface TransportSettings extends VaultPlace {
  readonly vault: URL;
  readonly pins: readonly string[] | undefined;
  /** From `clientOptions.tlsOptions`: CA, client certificate. */
  readonly tlsOptions: AgentOptions;
  /** Only with `allowInsecureStore`. */
  readonly skipVerify: boolean;
}

// 25 KB is what a secret holds; the rest is escaping, properties, and stores that are none of Azure's.
const maxBodyBytes = 2 * 1024 * 1024;

/**
 * The last step of the SDK's pipeline: Node's own https, so that the agent that is used is the pinned one, the answer
 * is bounded, no redirect carries the token elsewhere, and no request holds the process. The credential has a pipeline
 * of its own: what it asks Microsoft Entra ID does not come through here, and `azure.pins` do not concern it.
 */
export class AzureTransport implements SdkHttpClient {
  readonly #settings: TransportSettings;
  #agent: Promise<HttpAgent> | undefined;
  #endpointPins: PinResolver | undefined;
  #isClosed = false;

  constructor(settings: TransportSettings) {
    this.#settings = settings;
  }

  /** @throws PinError, or Node's own for a connection that failed */
  async sendRequest(request: SdkRequest): Promise<SdkResponse> {
    const { vault, pins } = this.#settings;
    if (this.#isClosed) throw closed(this.#settings);
    const url = new URL(request.url);
    // The token is in the headers: it goes to the configured vault and nowhere else.
    if (url.origin !== vault.origin) throw refusedRedirect(this.#settings);
    // The SDK sets one where HTTPS_PROXY says so.
    if (request.agent !== undefined && pins !== undefined) throw refusedProxy(this.#settings);
    this.#agent ??= this.#createAgent();
    const agent = request.agent ?? (await this.#agent);
    const response = await this.#exchange(url, request, agent as HttpAgent);
    const headers = new AnswerHeaders(response.headers);
    const status = response.statusCode ?? 0;
    const text = await readBounded(response, this.#settings);
    const contentType = headers.get('content-type') ?? '';
    const bodyAsText = bodyForSdk({ status, contentType, text }, this.#settings);
    headers.set('content-type', 'application/json');
    return { request, status, headers, bodyAsText };
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    (await this.#agent?.catch(() => undefined))?.destroy();
    await this.#endpointPins?.close();
  }

  #exchange(
    url: URL,
    { method, headers, abortSignal }: SdkRequest,
    agent: HttpAgent,
  ): Promise<IncomingMessage> {
    const { tlsOptions, skipVerify } = this.#settings;
    const options: RequestOptions = {
      method,
      agent,
      // For an agent that is not ours, a proxy's: explicit, also against NODE_TLS_REJECT_UNAUTHORIZED=0.
      rejectUnauthorized: !skipVerify,
      ...(tlsOptions.ca === undefined ? {} : { ca: tlsOptions.ca }),
      ...(abortSignal instanceof AbortSignal ? { signal: abortSignal } : {}),
    };
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const request = send(url, options);
      // Not among the options: those Node prints under NODE_DEBUG=http, and with them the token.
      for (const [name, value] of headers)
        if (name.toLowerCase() !== 'accept-encoding') request.setHeader(name, value);
      // The resolver holds the process while it starts; a read in the background never does.
      request.once('socket', (socket) => socket.unref());
      request.once('response', resolve);
      request.once('error', reject);
      request.end();
    });
  }

  async #createAgent(): Promise<HttpAgent> {
    const { vault, pins, tlsOptions, skipVerify } = this.#settings;
    if (vault.protocol === 'http:') return new HttpAgent({ keepAlive: false });
    const options = {
      ...tlsOptions,
      keepAlive: false,
      maxCachedSessions: 0,
      minVersion: 'TLSv1.2' as const,
      rejectUnauthorized: !skipVerify,
    };
    if (pins === undefined) return new HttpsAgent(options);
    const resolver = await createEndpointResolver('azure.pins', pins);
    this.#endpointPins = resolver;
    if (this.#isClosed) await resolver.close();
    return new PinnedAgent(resolver, options);
  }
}

async function readBounded(response: IncomingMessage, { host }: VaultPlace): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBodyBytes) {
      throw new PinDocumentError(
        'ERR_DOCUMENT_TOO_LARGE',
        `${host} answers with more than ${maxBodyBytes} bytes`,
        { reason: 'too-large', hint: 'is it the right secret?' },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
