import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  createRootCa,
  EXTENDED_KEY_USAGES,
  startConnectProxy,
  startTlsServer,
  type TestCertificate,
} from '@pinvault/testing';
import { createPinResolver, type PinProvider, PinProviderError } from 'pinvault';
import { createVaultProvider, type VaultProviderOptions } from '@pinvault/provider-vault';
import { describeWithOpenBao } from './support/open-bao.js';
import { type ClusterNode, OpenBaoCluster } from './support/open-bao-cluster.js';
import { until } from './support/processes.js';

const rows = { 'api.example.com': 'none' };

describeWithOpenBao('the connection to a real vault of three nodes', function () {
  this.timeout(60_000);

  let cluster: OpenBaoCluster;
  let token: string;

  before(async () => {
    cluster = await OpenBaoCluster.start(3);
    await cluster.must('POST', 'secret/data/tls-pins', { data: rows });
    const policy = 'path "secret/data/tls-pins" { capabilities = ["read"] }';
    await cluster.must('PUT', 'sys/policies/acl/pins-reader', { policy });
    token = await cluster.createToken('pins-reader');
  });

  after(async () => {
    await cluster.stop();
  });

  const optionsWith = (options: Partial<VaultProviderOptions> = {}): VaultProviderOptions => ({
    path: 'secret/tls-pins',
    mount: 'secret',
    kvVersion: 2,
    token,
    ca: cluster.root.pem,
    env: {},
    ...(options.address === undefined ? { addresses: cluster.addresses } : {}),
    ...options,
  });

  async function withProvider<Result>(
    options: VaultProviderOptions,
    use: (provider: PinProvider) => Promise<Result>,
  ): Promise<Result> {
    const provider = createVaultProvider(options);
    try {
      return await use(provider);
    } finally {
      await provider.close?.();
    }
  }

  const read = async (provider: PinProvider): Promise<unknown> => {
    const result = await provider.read({ signal: AbortSignal.timeout(10_000) });
    return 'document' in result ? result.document : undefined;
  };
  const readOnce = async (options: Partial<VaultProviderOptions>): Promise<unknown> =>
    withProvider(optionsWith(options), read);

  async function failure(options: Partial<VaultProviderOptions>): Promise<PinProviderError> {
    try {
      await readOnce(options);
    } catch (error) {
      expect(error).to.be.an.instanceof(PinProviderError);
      return error as PinProviderError;
    }
    return expect.fail('it was read');
  }

  it('is read from each node, active or not, under its pin', async () => {
    for (const { address, leaf } of cluster.nodes)
      expect(await readOnce({ address, pins: leaf.pin })).to.deep.equal(rows);
    const pins = cluster.nodes.map(({ leaf }) => leaf.pin);
    expect(await readOnce({ pins })).to.deep.equal(rows);
    const [first, second] = cluster.nodes as [ClusterNode, ClusterNode];
    const wrong = await failure({ address: first.address, pins: second.leaf.pin });
    expect([wrong.code, wrong.detail]).to.deep.equal(['ERR_PROVIDER_UNAVAILABLE', 'pin-mismatch']);
  });

  it('follows the redirect of a standby to the active node, and to no other place', async () => {
    const standby = await cluster.standby();
    const active = await cluster.active();
    // A standby redirects where it may not forward, which a request can ask for; this front asks.
    const front = await startRedirectingFront(cluster.root, standby);
    try {
      const options = { address: front.origin, redirectAddresses: [active.address] };
      const pins = [front.leaf.pin, active.leaf.pin];
      expect(await readOnce({ ...options, pins })).to.deep.equal(rows);
      const refused = await failure({ address: front.origin });
      expect(refused.detail).to.equal('redirect');
      expect(refused.message).to.contain(new URL(active.address).host);
      const unpinned = await failure({ ...options, pins: front.leaf.pin });
      expect(unpinned.detail).to.equal('pin-mismatch');
    } finally {
      await front.close();
    }
  });

  it('is read with a client certificate where it wants one, and not without', async () => {
    const { strictAddress: address } = await cluster.active();
    const usage = { extendedKeyUsages: [EXTENDED_KEY_USAGES.clientAuth] };
    const client = await cluster.clientCa.issue({ subject: 'service', ...usage });
    const stranger = await (await createRootCa()).issue({ subject: 'service', ...usage });
    const shown = (leaf: TestCertificate) => ({ address, cert: leaf.pem, key: leaf.key.privateKeyPem });
    expect(await readOnce(shown(client))).to.deep.equal(rows);
    expect((await failure({ address })).message).to.contain('VAULT_CLIENT_CERT');
    expect((await failure(shown(stranger))).code).to.equal('ERR_PROVIDER_UNAVAILABLE');
  });

  it('is trusted by a folder of CAs, and under the name of VAULT_TLS_SERVER_NAME', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-capath-'));
    try {
      await mkdir(join(folder, 'more'));
      await writeFile(join(folder, 'other.pem'), (await createRootCa()).pem);
      await writeFile(join(folder, 'more', 'vault.pem'), cluster.root.pem);
      const address = cluster.addresses[0] ?? '';
      const variables = { VAULT_ADDR: address, VAULT_CAPATH: folder, VAULT_TLS_SERVER_NAME: 'vault-0.test' };
      const env = { ...variables, VAULT_TOKEN: token };
      const fromEnvironment = { path: 'secret/tls-pins', kvVersion: 2, mount: 'secret' } as const;
      expect(await withProvider({ ...fromEnvironment, env }, read)).to.deep.equal(rows);
      const wrong = await failure({ address, servername: 'vault-1.test' });
      expect(wrong.detail).to.equal('ERR_TLS_CERT_ALTNAME_INVALID');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is read through a proxy, with its own certificate behind it pinned', async () => {
    const active = await cluster.active();
    const proxy = await startConnectProxy();
    try {
      const options = { address: active.address, proxy: proxy.url };
      expect(await readOnce({ ...options, pins: active.leaf.pin })).to.deep.equal(rows);
      const wrong = await failure({ ...options, pins: (await createRootCa()).pin });
      expect(wrong.detail).to.equal('pin-mismatch');
      expect(proxy.authorities).to.include(new URL(active.address).host);
      expect(proxy.seen).not.to.contain(token);
    } finally {
      await proxy.close();
    }
  });

  it('is read in a namespace, and not in another', async () => {
    await cluster.must('POST', 'sys/namespaces/team');
    await cluster.must('POST', 'team/sys/mounts/secret', { type: 'kv', options: { version: '2' } });
    const inTeam = { 'team.example.com': 'none' };
    await until(
      async () =>
        cluster.must('POST', 'team/secret/data/tls-pins', { data: inTeam }).then(
          () => true,
          () => false,
        ),
      () => 'the mount in the namespace is not ready',
    );
    const asRoot = { token: cluster.token, pins: `ca:${cluster.root.pin}` };
    expect(await readOnce({ ...asRoot, namespace: 'team' })).to.deep.equal(inTeam);
    expect(await readOnce({ ...asRoot, env: { VAULT_NAMESPACE: 'team/' } })).to.deep.equal(inTeam);
    expect(await readOnce(asRoot)).to.deep.equal(rows);
    expect((await failure({ token: cluster.token, namespace: 'other' })).code).to.be.oneOf([
      'ERR_PROVIDER_NOT_FOUND',
      'ERR_PROVIDER_DENIED',
    ]);
  });

  it('is throttled by a quota, and read when that is lifted', async () => {
    await cluster.must('POST', 'sys/quotas/config', { enable_rate_limit_response_headers: true });
    await cluster.must('POST', 'sys/quotas/rate-limit/pins', { rate: 1, interval: '60s', path: 'secret/' });
    const { address } = await cluster.active();
    await withProvider(optionsWith({ address }), async (provider) => {
      let refused: unknown;
      await until(
        async () => {
          refused = await read(provider).then(
            () => undefined,
            (error: unknown) => error,
          );
          return refused !== undefined;
        },
        () => 'the quota never applied',
      );
      expect(refused).to.include({ code: 'ERR_PROVIDER_THROTTLED' });
      expect(refused).to.have.property('retryAfterMs').that.is.above(1_000);
      await cluster.must('DELETE', 'sys/quotas/rate-limit/pins');
      expect(await read(provider)).to.deep.equal(rows);
    });
  });

  it('is read from another node while one is sealed, and from it when it is open again', async () => {
    const before = await cluster.active();
    await cluster.seal(before);
    const sealed = await failure({ address: before.address });
    expect([sealed.code, sealed.detail]).to.deep.equal(['ERR_PROVIDER_UNAVAILABLE', 'sealed']);
    const others = cluster.addresses.filter((address) => address !== before.address);
    await cluster.active();
    expect(await readOnce({ addresses: [before.address, ...others] })).to.deep.equal(rows);
    await cluster.unseal(before);
    expect(await readOnce({ address: before.address })).to.deep.equal(rows);
  });

  // The last one: a node is gone afterwards.
  it('goes on for a resolver when the active node is killed', async () => {
    const resolver = await createPinResolver({
      provider: 'vault',
      vault: optionsWith({ pins: cluster.nodes.map(({ leaf }) => leaf.pin) }),
      warnings: false,
    });
    const killed = await cluster.active();
    const others = cluster.addresses.filter((address) => address !== killed.address);
    // Its last answer came from the node that is killed.
    const provider = createVaultProvider(optionsWith({ addresses: [killed.address, ...others] }));
    try {
      expect(await read(provider)).to.deep.equal(rows);
      await cluster.kill(killed);
      const next = await cluster.active();
      expect(next.address).not.to.equal(killed.address);
      const changed = { 'api.example.com': 'block' };
      await until(
        async () =>
          cluster.must('POST', 'secret/data/tls-pins', { data: changed }).then(
            () => true,
            () => false,
          ),
        () => 'the new active node takes no write',
      );
      const first = await provider.read({ signal: AbortSignal.timeout(3_000) });
      expect(first).to.deep.include({ document: changed });
      await until(
        async () => {
          await resolver.refresh();
          return resolver.lookup('api.example.com').rule === 'block';
        },
        () => JSON.stringify(resolver.status()),
      );
      expect(resolver.status()).to.include({ state: 'fresh', source: 'provider' });
    } finally {
      await provider.close?.();
      await resolver.close();
    }
  });
});

/** A TLS server of ours before a real standby, which asks it not to forward. */
async function startRedirectingFront(root: TestCertificate, standby: ClusterNode) {
  const leaf = await root.issue({ hosts: ['127.0.0.1'] });
  const server = await startTlsServer({
    chain: [leaf],
    respond: ({ method, url, headers }, response) => {
      const onward = request(new URL(url ?? '/', standby.address), {
        method,
        headers: { ...headers, 'X-Vault-No-Request-Forwarding': 'true' },
        ca: root.pem,
        agent: false,
      });
      onward.once('error', () => response.writeHead(502).end());
      onward.once('response', (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.end();
    },
  });
  return { origin: server.origin, leaf, close: async () => server.close() };
}
