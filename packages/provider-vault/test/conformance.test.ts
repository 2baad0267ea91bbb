import { describePinProvider, startFaultServer, type StoreAnswer } from '@pinvault/provider-conformance';
import { startDevVault } from '@pinvault/testing';
import { createVaultProvider } from '#src/index.js';

const token = 'hvs.CANARY-4711-abcdefghijklmnop';

/** An answer of Vault, in its one shape for errors. */
function refusal(status: number, text: string, headers: Readonly<Record<string, string>> = {}): StoreAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ errors: [text] }),
  };
}

const answers = {
  denied: refusal(403, '1 error occurred:\n\t* permission denied\n\n'),
  throttled: refusal(429, 'request path "secret/data/tls-pins": rate limit quota exceeded', {
    'retry-after': '7',
  }),
  failed: refusal(500, 'internal error'),
};

describePinProvider('vault, against the dev vault', {
  async start() {
    const vault = await startDevVault({ token });
    const front = await startFaultServer({ store: vault.address });
    const faults = front.backend(answers);
    let current = token;
    const options = { address: front.url, path: 'secret/tls-pins', token: () => current, env: {} };
    return {
      ...faults,
      create: () => createVaultProvider(options),
      createWithTimeout: (timeoutMs) => createVaultProvider({ ...options, timeoutMs }),
      createPerHost: () => createVaultProvider({ ...options, path: 'secret/tls-pins/{host}' }),
      publish: (rows) => void vault.write('tls-pins', rows),
      publishFor: (host, rows) => void vault.write(`tls-pins/${host}`, rows),
      secrets: [token],
      remove: () => vault.remove('tls-pins'),
      expireCredentials: () => void (current = 'hvs.EXPIRED-0815-abcdefghijklmnop'),
      renewCredentials: () => void (current = token),
      async stop() {
        await faults.stop();
        await vault.close();
      },
    };
  },
  cannot: {
    publishText: 'KV version 2 holds objects only',
    publishBytes: 'KV version 2 holds objects only',
    disable: 'a version is deleted or destroyed, there is no third state',
  },
});
