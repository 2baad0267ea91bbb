import { describePinProvider, publishing, startFaultServer } from '@pinvault/provider-conformance';
import { createConfigProvider } from './config-provider.js';

describePinProvider('config', {
  async start() {
    const [token, files] = ['CANARY-token-4711', new Array<string | Uint8Array | undefined>()];
    const server = await startFaultServer({
      store: (_request, response) =>
        response.writeHead(files.at(-1) ? 200 : 404, { etag: `"${files.length}"` }).end(files.at(-1)),
    });
    return {
      ...server.backend(),
      ...publishing((content) => files.push(content)),
      secrets: [token],
      create: () => createConfigProvider(server.url, token),
      createWithTimeout: (timeoutMs) => createConfigProvider(server.url, token, timeoutMs),
      remove: () => void files.push(undefined),
    };
  },
  cannot: { disable: 'no such state', expireCredentials: 'a fixed token', createPerHost: 'one file for all' },
});
