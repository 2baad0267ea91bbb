import { describePinProvider, type ProviderHarness, startFaultServer } from '@pinvault/provider-conformance';
import { createVaultProvider } from '@pinvault/provider-vault';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from './support/open-bao.js';

const policy = (secret: string, capability: 'read' | 'deny'): string =>
  `path "secret/data/${secret}" { capabilities = ["${capability}"] }`;

/** Denied, throttled, deleted and revoked by the real server; only what it cannot be made to do stands in front of it. */
function harnessFor(openBao: () => OpenBaoServer): ProviderHarness {
  let secrets = 0;
  return {
    async start() {
      const vault = openBao();
      secrets += 1;
      const secret = `conformance-${String(secrets)}`;
      const front = await startFaultServer({ store: vault.address });
      const faults = front.backend();
      const api = async (method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> => {
        const { status } = await vault.api(method, path, body);
        if (status >= 300) throw new Error(`OpenBao answered ${method} ${path} with ${String(status)}`);
      };
      await vault.putPolicy(secret, policy(secret, 'read'));
      let token = await vault.createToken({ policies: [secret] });
      const options = { address: front.url, path: `secret/${secret}`, token: () => token, env: {} };
      return {
        ...faults,
        create: () => createVaultProvider(options),
        createWithTimeout: (timeoutMs) => createVaultProvider({ ...options, timeoutMs }),
        publish: async (rows) => api('POST', `secret/data/${secret}`, { data: rows }),
        secrets: [token],
        remove: async () => api('DELETE', `secret/data/${secret}`),
        deny: async () => vault.putPolicy(secret, policy(secret, 'deny')),
        async throttle() {
          const quota = { path: `secret/data/${secret}`, rate: 1, interval: '1h' };
          await api('POST', `sys/quotas/rate-limit/${secret}`, quota);
          // The one read that it allows.
          await vault.api('GET', `secret/data/${secret}`);
          // It sends Retry-After, in whole seconds until its window ends: which of them is a matter of the moment.
        },
        async restore() {
          await vault.putPolicy(secret, policy(secret, 'read'));
          await api('DELETE', `sys/quotas/rate-limit/${secret}`);
          await faults.restore();
        },
        expireCredentials: async () => api('POST', 'auth/token/revoke', { token }),
        renewCredentials: async () => void (token = await vault.createToken({ policies: [secret] })),
      };
    },
    cannot: {
      publishText: 'KV version 2 holds objects only',
      publishBytes: 'KV version 2 holds objects only',
      disable: 'a version is deleted or destroyed, there is no third state',
      createPerHost: 'not supported by this version',
    },
  };
}

describeWithOpenBao('the conformance suite, against OpenBao', function () {
  this.timeout(20_000);

  let vault: OpenBaoServer;
  before(async () => {
    vault = await startOpenBao({ mode: 'dev' });
  });
  after(async () => {
    await vault.stop();
  });

  describePinProvider(
    'vault',
    harnessFor(() => vault),
  );
});
