import http from 'node:http';
import https from 'node:https';
import { type PinProvider, PinProviderError, type PinProviderErrorCode } from '@pinvault/core';

const codes: Record<number, PinProviderErrorCode> = {
  401: 'ERR_PROVIDER_DENIED',
  403: 'ERR_PROVIDER_DENIED',
  404: 'ERR_PROVIDER_NOT_FOUND',
  429: 'ERR_PROVIDER_THROTTLED',
};

export function createConfigProvider(url: string, token: string, timeoutMs = 5_000): PinProvider {
  const closing = new AbortController();
  const fail = (code: PinProviderErrorCode, text: string) =>
    new PinProviderError(code, text, { provider: 'config' });
  return {
    name: 'config',
    location: url,
    async read({ signal }) {
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const ending = AbortSignal.any([signal, closing.signal, timeout]);
        const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
          const headers = { authorization: `Bearer ${token}` };
          const { get } = url.startsWith('https:') ? https : http;
          get(url, { agent: false, headers, signal: ending }, resolve).on('error', reject);
        });
        const status = response.statusCode ?? 0;
        const chunks = await response.toArray({ signal: ending });
        if (status === 200) return { document: Buffer.concat(chunks), revision: response.headers.etag ?? '' };
        throw fail(codes[status] ?? 'ERR_PROVIDER_UNAVAILABLE', `the store answers with status ${status}`);
      } catch (error) {
        if (error instanceof PinProviderError) throw error;
        if (timeout.aborted)
          throw fail('ERR_PROVIDER_TIMEOUT', `the store did not answer in ${timeoutMs} ms`);
        throw fail('ERR_PROVIDER_UNAVAILABLE', 'the store cannot be reached, or the read was ended');
      }
    },
    close: async () => closing.abort(),
  };
}
