import { expect } from 'chai';
import { describePinProvider, type ProviderHarness, startFaultServer } from '@pinvault/provider-conformance';
import { createVaultProvider } from '@pinvault/provider-vault';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from './support/open-bao.js';

type Capability = 'read' | 'deny';

/** How the API of a KV back end names a secret, and what is written there. */
interface Dialect {
  readonly mount: string;
  /** The paths that a service may read, and those below it. */
  readonly readable: (secret: string) => readonly string[];
  readonly dataPath: (secret: string) => string;
  readonly bodyOf: (rows: object) => object;
}

const version2: Dialect = {
  mount: 'secret',
  readable: (secret) => [`secret/data/${secret}`, `secret/metadata/${secret}`],
  dataPath: (secret) => `secret/data/${secret}`,
  bodyOf: (rows) => ({ data: rows }),
};

const version1: Dialect = {
  mount: 'kv1',
  readable: (secret) => [`kv1/${secret}`],
  dataPath: (secret) => `kv1/${secret}`,
  bodyOf: (rows) => rows,
};

const policy = (paths: readonly string[], capability: Capability): string =>
  paths
    .flatMap((path) => [path, `${path}/*`])
    .map((path) => `path "${path}" { capabilities = ["${capability}"] }`)
    .join('\n');

/** Denied, throttled, deleted and revoked by the real server; only what it cannot be made to do stands in front of it. */
function harnessFor(openBao: () => OpenBaoServer, dialect: Dialect): ProviderHarness {
  let secrets = 0;
  return {
    async start() {
      const vault = openBao();
      secrets += 1;
      const secret = `conformance-${String(secrets)}`;
      const path = dialect.dataPath(secret);
      const name = `${dialect.mount}-${secret}`;
      const front = await startFaultServer({ store: vault.address });
      const faults = front.backend();
      const api = async (method: 'POST' | 'DELETE', where: string, body?: unknown): Promise<void> => {
        const { status } = await vault.api(method, where, body);
        if (status >= 300) throw new Error(`OpenBao answered ${method} ${where} with ${String(status)}`);
      };
      const permit = async (capability: Capability): Promise<void> =>
        vault.putPolicy(name, policy(dialect.readable(secret), capability));
      await permit('read');
      let token = await vault.createToken({ policies: [name] });
      const options = { address: front.url, path: `${dialect.mount}/${secret}`, token: () => token, env: {} };
      return {
        ...faults,
        create: () => createVaultProvider(options),
        createWithTimeout: (timeoutMs) => createVaultProvider({ ...options, timeoutMs }),
        createPerHost: () => createVaultProvider({ ...options, path: `${options.path}/{host}` }),
        publish: async (rows) => api('POST', path, dialect.bodyOf(rows)),
        publishFor: async (host, rows) => api('POST', `${path}/${host}`, dialect.bodyOf(rows)),
        secrets: [token],
        remove: async () => api('DELETE', path),
        deny: async () => permit('deny'),
        async throttle() {
          const quota = { path, rate: 1, interval: '1h' };
          await api('POST', `sys/quotas/rate-limit/${name}`, quota);
          // The one read that it allows.
          await vault.api('GET', path);
          // It sends Retry-After, in whole seconds until its window ends: which of them is a matter of the moment.
        },
        async restore() {
          await permit('read');
          await api('DELETE', `sys/quotas/rate-limit/${name}`);
          await faults.restore();
        },
        expireCredentials: async () => api('POST', 'auth/token/revoke', { token }),
        renewCredentials: async () => void (token = await vault.createToken({ policies: [name] })),
      };
    },
    cannot: {
      publishText: 'a KV back end holds objects only',
      publishBytes: 'a KV back end holds objects only',
      disable: 'a secret is there or deleted, there is no third state',
    },
  };
}

describeWithOpenBao('the conformance suite, against OpenBao', function () {
  this.timeout(20_000);

  let vault: OpenBaoServer;
  before(async () => {
    vault = await startOpenBao({ mode: 'dev' });
    const mount = { type: 'kv', options: { version: '1' } };
    expect((await vault.api('POST', 'sys/mounts/kv1', mount)).status).to.equal(204);
  });
  after(async () => {
    await vault.stop();
  });

  describePinProvider(
    'vault, KV version 2',
    harnessFor(() => vault, version2),
  );
  describePinProvider(
    'vault, KV version 1',
    harnessFor(() => vault, version1),
  );
});
