import { describePinProvider, startDocumentServer } from '@pinvault/provider-conformance';
import { createConfigProvider } from './config-provider.js';

describePinProvider('config', {
  async start() {
    const [token, server] = ['CANARY-token-4711', await startDocumentServer()];
    return {
      ...server.backend(),
      secrets: [token],
      create: () => createConfigProvider(server.url, token),
      createWithTimeout: (timeoutMs) => createConfigProvider(server.url, token, timeoutMs),
    };
  },
  cannot: { disable: 'no such state', expireCredentials: 'a fixed token', createPerHost: 'one file for all' },
});
