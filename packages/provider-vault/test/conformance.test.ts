import { describePinProvider, type ProviderHarness, startFaultServer } from '@pinvault/provider-conformance';
import { startDevVault } from '@pinvault/testing';
import { createVaultProvider } from '#src/index.js';

const token = 'hvs.CANARY-4711-abcdefghijklmnop';

const json = { 'content-type': 'application/json' };

const harness: ProviderHarness = {
  async start() {
    const vault = await startDevVault({ token });
    const front = await startFaultServer({ store: vault.address });
    let current = token;
    const options = { address: front.url, path: 'secret/tls-pins', token: () => current, env: {} };
    const answer = (status: number, text: string, headers: Record<string, string> = {}): void =>
      front.answer({ status, headers: { ...json, ...headers }, body: JSON.stringify({ errors: [text] }) });
    return {
      create: () => createVaultProvider(options),
      createWithTimeout: (timeoutMs) => createVaultProvider({ ...options, timeoutMs }),
      publish: (rows) => void vault.write('tls-pins', rows),
      secrets: [token],
      requests: () => front.requests,
      connections: () => front.connections,
      remove: () => vault.remove('tls-pins'),
      deny: () => answer(403, '1 error occurred:\n\t* permission denied\n\n'),
      throttle() {
        answer(429, 'request path "secret/data/tls-pins": rate limit quota exceeded', { 'retry-after': '7' });
        return 7_000;
      },
      goOffline: () => front.goOffline(),
      fail: () => answer(500, 'internal error'),
      answerGarbage: () =>
        front.answer({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html></html>' }),
      echo: () => front.echo(400),
      hang: () => front.hang(),
      restore: () => front.restore(),
      expireCredentials: () => void (current = 'hvs.EXPIRED-0815-abcdefghijklmnop'),
      renewCredentials: () => void (current = token),
      async stop() {
        await front.stop();
        await vault.close();
      },
    };
  },
  cannot: {
    publishText: 'KV version 2 holds objects only',
    publishBytes: 'KV version 2 holds objects only',
    disable: 'a version is deleted or destroyed, there is no third state',
    createPerHost: 'not supported by this version',
  },
};

describePinProvider('vault, against the dev vault', harness);
