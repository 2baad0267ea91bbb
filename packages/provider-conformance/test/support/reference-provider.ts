import http from 'node:http';
import {
  normaliseHost,
  type PinProvider,
  PinProviderError,
  type PinProviderErrorCode,
  type PinReadRequest,
  type PinReadResult,
} from '@pinvault/core';

/** What the reference provider and its broken relatives are made of. */
export interface ReferenceOptions {
  readonly url: string;
  readonly token: () => string;
  readonly timeoutMs?: number;
  readonly isPerHost?: boolean;
}

const codes: Readonly<Record<number, PinProviderErrorCode>> = {
  401: 'ERR_PROVIDER_DENIED',
  403: 'ERR_PROVIDER_DENIED',
  404: 'ERR_PROVIDER_NOT_FOUND',
  410: 'ERR_PROVIDER_NOT_FOUND',
  429: 'ERR_PROVIDER_THROTTLED',
};

export function failure(code: PinProviderErrorCode, text: string, retryAfterMs?: number): PinProviderError {
  return new PinProviderError(code, text, { provider: 'reference', retryAfterMs });
}

/** A provider that does all that one can owe, over HTTP: what it is the broken ones differ from. */
export class ReferenceProvider implements PinProvider {
  readonly name: string = 'reference';
  readonly scope: 'document' | 'host';
  readonly #options: ReferenceOptions;
  readonly #closing = new AbortController();
  // Private: an agent shows its sockets to whoever prints it, and they the headers.
  readonly #agent: http.Agent;

  constructor(options: ReferenceOptions, agent: http.Agent = new http.Agent({ keepAlive: false })) {
    this.#options = options;
    this.#agent = agent;
    this.scope = options.isPerHost === true ? 'host' : 'document';
  }

  async read({ host, knownRevision, signal }: PinReadRequest): Promise<PinReadResult> {
    const timeout = AbortSignal.timeout(this.#options.timeoutMs ?? 5_000);
    try {
      const ending = AbortSignal.any([signal, this.#closing.signal, timeout]);
      ending.throwIfAborted();
      const response = await this.get(this.pathOf(host), ending);
      const chunks = (await response.toArray({ signal: ending })) as Buffer[];
      if (response.statusCode !== 200) throw refusal(response);
      const revision = response.headers.etag ?? '';
      if (revision !== '' && revision === knownRevision) return { unchanged: true, revision };
      const createdAt = new Date(response.headers['last-modified'] ?? '');
      return { document: Buffer.concat(chunks), revision, createdAt };
    } catch (error) {
      if (error instanceof PinProviderError) throw error;
      if (timeout.aborted) throw failure('ERR_PROVIDER_TIMEOUT', 'no answer in time');
      throw failure('ERR_PROVIDER_UNAVAILABLE', 'no answer');
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#agent.destroy();
  }

  protected pathOf(host: string | undefined): string {
    if (this.scope === 'document') return '/pins';
    try {
      return `/hosts/${encodeURIComponent(normaliseHost(host ?? ''))}`;
    } catch {
      throw failure('ERR_PROVIDER_MISCONFIGURED', 'no host');
    }
  }

  protected async get(path: string, signal: AbortSignal): Promise<http.IncomingMessage> {
    const { url, token } = this.#options;
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token()}` };
      http.get(`${url}${path}`, { agent: this.#agent, headers, signal }, resolve).on('error', reject);
    });
  }
}

function refusal({ statusCode = 0, headers }: http.IncomingMessage): PinProviderError {
  const seconds = /^\d+$/u.exec(headers['retry-after'] ?? '')?.[0];
  return failure(
    codes[statusCode] ?? 'ERR_PROVIDER_UNAVAILABLE',
    `status ${String(statusCode)}`,
    seconds === undefined ? undefined : Number(seconds) * 1_000,
  );
}
