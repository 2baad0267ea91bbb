import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PinProvider } from '@pinvault/core';
import { type ProviderHarness, publishing, startFaultServer } from '#src/index.js';
import type { ReferenceOptions } from './reference-provider.js';

const disabled = Symbol('a version that is switched off');

type Content = string | Uint8Array | typeof disabled | undefined;

/** A harness that lacks nothing, for whatever provider reads this store. */
export function referenceHarness(create: (options: ReferenceOptions) => PinProvider): ProviderHarness {
  return {
    async start() {
      const files = new Map<string, Content>();
      const [first, second] = ['CANARY-token-4711', 'CANARY-token-4712'];
      let [accepted, token] = [first, first];
      const store = (request: IncomingMessage, response: ServerResponse): void => {
        if (request.headers.authorization !== `Bearer ${accepted}`) response.writeHead(401).end();
        else give(response, files.get(new URL(request.url ?? '/', 'http://store').pathname));
      };
      const server = await startFaultServer({ store });
      const options = { url: server.url, token: () => token };
      return {
        ...server.backend({ throttled: { status: 429, headers: { 'retry-after': '7' } } }),
        ...publishing((content) => files.set('/pins', content)),
        secrets: [first, second],
        create: () => create(options),
        createWithTimeout: (timeoutMs) => create({ ...options, timeoutMs }),
        createPerHost: () => create({ ...options, isPerHost: true }),
        publishFor: (host, rows) => void files.set(`/hosts/${host}`, JSON.stringify(rows)),
        remove: () => void files.delete('/pins'),
        disable: () => void files.set('/pins', disabled),
        expireCredentials: () => void (accepted = second),
        renewCredentials: () => void (token = second),
      };
    },
  };
}

function give(response: ServerResponse, content: Content): void {
  if (content === undefined || content === disabled) {
    response.writeHead(content === undefined ? 404 : 410).end();
    return;
  }
  const etag = createHash('sha256').update(content).digest('hex');
  response.writeHead(200, { etag, 'last-modified': new Date().toUTCString() }).end(content);
}
