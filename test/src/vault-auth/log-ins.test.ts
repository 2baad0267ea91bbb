import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createPinResolver, PinProviderError, type PinResolver } from 'pinvault';
import {
  createVaultProvider,
  type VaultAuthOptions,
  type VaultProviderOptions,
} from '@pinvault/provider-vault';
import {
  createRootCa,
  EXTENDED_KEY_USAGES,
  startVaultFront,
  type VaultFront,
  VirtualClock,
} from '@pinvault/testing';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from '../support/open-bao.js';
import { until } from '../support/processes.js';
import { createJwtSigner } from '../support/signed-jwt.js';
import { startTokenReview, type TokenReviewServer } from '../support/token-review.js';

const rows = { 'api.example.com': 'none' };

describeWithOpenBao('logging in to a real vault', function () {
  this.timeout(30_000);

  const signer = createJwtSigner();
  let vault: OpenBaoServer;
  let front: VaultFront;
  let cluster: TokenReviewServer;
  let folder: string;
  let roleId: string;

  before(async () => {
    vault = await startOpenBao({ mode: 'dev' });
    front = await startVaultFront({ store: vault.address });
    cluster = await startTokenReview();
    folder = await mkdtemp(join(tmpdir(), 'pinvault-log-ins-'));
    await must('POST', 'secret/data/tls-pins', { data: rows });
    await vault.putPolicy('pins', 'path "secret/data/tls-pins" { capabilities = ["read"] }');
    for (const type of ['approle', 'userpass', 'jwt', 'kubernetes'])
      await must('POST', `sys/auth/${type}`, { type });
    await must('POST', 'auth/approle/role/payments', { token_policies: 'pins', token_ttl: '1h' });
    await must('POST', 'auth/approle/role/other', { token_policies: 'pins', token_ttl: '1h' });
    roleId = at(await must('GET', 'auth/approle/role/payments/role-id'), 'role_id');
    await must('POST', 'auth/userpass/users/payments', { password: 'correct horse', token_policies: 'pins' });
    await must('POST', 'auth/jwt/config', { jwt_validation_pubkeys: [signer.publicKeyPem] });
    const claims = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'vault', token_policies: 'pins' };
    await must('POST', 'auth/jwt/role/payments', claims);
    await must('POST', 'auth/kubernetes/config', {
      kubernetes_host: cluster.address,
      token_reviewer_jwt: signer.sign({ sub: 'reviewer' }),
      kubernetes_ca_cert: cluster.caPem,
      disable_local_ca_jwt: true,
    });
    await must('POST', 'auth/kubernetes/role/payments', {
      bound_service_account_names: 'payments',
      bound_service_account_namespaces: 'pins',
      token_policies: 'pins',
    });
  });

  after(async () => {
    await Promise.all([front.close(), vault.stop(), cluster.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  async function must(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await vault.api(method, path, body);
    expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).to.be.below(300);
    return answer.body;
  }

  const at = (body: unknown, name: string): string =>
    String((body as { data: Record<string, unknown> }).data[name]);

  const secretId = async (role = 'payments'): Promise<string> =>
    at(await must('POST', `auth/approle/role/${role}/secret-id`, {}), 'secret_id');

  /** What a deployment hands to the service in place of the secret id. */
  async function wrapped(path: string, body: object = {}): Promise<string> {
    const url = new URL(`/v1/${path}`, vault.address);
    const headers = { 'X-Vault-Token': vault.token, 'X-Vault-Wrap-TTL': '300' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return ((await answer.json()) as { wrap_info: { token: string } }).wrap_info.token;
  }

  const open = (auth: VaultAuthOptions, options: Partial<VaultProviderOptions> = {}) =>
    createVaultProvider({
      address: front.address,
      path: 'secret/tls-pins',
      kvVersion: 2,
      env: {},
      maxRetries: 0,
      auth,
      ...options,
    });

  async function expectRead(auth: VaultAuthOptions, options?: Partial<VaultProviderOptions>): Promise<void> {
    const provider = open(auth, options);
    try {
      const result = await provider.read({ signal: new AbortController().signal });
      expect(result).to.deep.include({ document: rows });
    } finally {
      await provider.close?.();
    }
  }

  async function denied(read: Promise<unknown>, detail: string): Promise<PinProviderError> {
    const error = await read.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.an.instanceof(PinProviderError);
    expect(error).to.include({ code: 'ERR_PROVIDER_DENIED', detail });
    return error as PinProviderError;
  }

  const asked = (): string[] => front.requests.map(({ path }) => path.replace(/^\/v1\//u, ''));

  describe('by AppRole', () => {
    it('takes the secret id from the options or a file', async () => {
      await expectRead({ method: 'approle', roleId, secretId: await secretId() });
      const roleIdFile = join(folder, 'role-id');
      const secretIdFile = join(folder, 'secret-id');
      await writeFile(roleIdFile, `${roleId}\n`);
      await writeFile(secretIdFile, `${await secretId()}\n`);
      await expectRead({ method: 'approle', roleIdFile, secretIdFile });
    });

    it('unwraps a secret id once, and logs in with it', async () => {
      const wrappedSecretIdFile = join(folder, 'wrapped');
      await writeFile(wrappedSecretIdFile, await wrapped('auth/approle/role/payments/secret-id'));
      await expectRead({ method: 'approle', roleId, wrappedSecretIdFile, roleName: 'payments' });
    });

    it('tells a spent wrapping token as an alarm, and does not try it again', async () => {
      const token = await wrapped('auth/approle/role/payments/secret-id');
      // Somebody else was faster.
      await must('POST', 'sys/wrapping/unwrap', { token });
      const clock = new VirtualClock(Date.now());
      const provider = open({ method: 'approle', roleId, wrappedSecretId: token }, { clock });
      const { signal } = new AbortController();
      const error = await denied(provider.read({ signal }), 'wrap-spent');
      expect(error.message).not.to.contain(token);
      const before = front.requests.length;
      for (let read = 0; read < 5; read += 1) {
        // Longer than any back-off: it is the token that is remembered.
        await clock.advance(600_000);
        await denied(provider.read({ signal }), 'wrap-spent');
      }
      expect(front.requests.length).to.equal(before);
      await provider.close?.();
    });

    it('does not unwrap what was wrapped elsewhere: it is still good for who wants to look at it', async () => {
      for (const path of ['sys/wrapping/wrap', 'auth/approle/role/other/secret-id']) {
        const token = await wrapped(path, { secret_id: 'planted' });
        const provider = open({ method: 'approle', roleId, wrappedSecretId: token, roleName: 'payments' });
        await denied(provider.read({ signal: new AbortController().signal }), 'wrap-path');
        await provider.close?.();
        expect((await vault.api('POST', 'sys/wrapping/lookup', { token }, '')).status).to.equal(200);
      }
    });

    it('in a namespace, with a secret id that was wrapped there', async () => {
      await must('POST', 'sys/namespaces/team', {});
      await must('POST', 'team/sys/mounts/secret', { type: 'kv', options: { version: '2' } });
      await must('POST', 'team/sys/auth/approle', { type: 'approle' });
      await must('PUT', 'team/sys/policies/acl/pins', {
        policy: 'path "secret/data/tls-pins" { capabilities = ["read"] }',
      });
      await must('POST', 'team/auth/approle/role/payments', { token_policies: 'pins' });
      const id = at(await must('GET', 'team/auth/approle/role/payments/role-id'), 'role_id');
      await until(
        async () => (await vault.api('POST', 'team/secret/data/tls-pins', { data: rows })).status === 200,
        () => 'no namespace',
      );
      const token = await wrapped('team/auth/approle/role/payments/secret-id');
      const auth = { method: 'approle', roleId: id, wrappedSecretId: token, roleName: 'payments' } as const;
      await expectRead(auth, { namespace: 'team' });
    });

    it('refuses a wrong secret id as denied', async () => {
      const provider = open({ method: 'approle', roleId, secretId: 'wrong' });
      await denied(provider.read({ signal: new AbortController().signal }), 'login');
      await provider.close?.();
    });

    it('refuses a role whose tokens are used up by reading', async () => {
      await must('POST', 'auth/approle/role/few', { token_policies: 'pins', token_num_uses: 3 });
      const id = at(await must('GET', 'auth/approle/role/few/role-id'), 'role_id');
      const provider = open({ method: 'approle', roleId: id, secretId: await secretId('few') });
      const error: unknown = await provider
        .read({ signal: new AbortController().signal })
        .catch((reason: unknown) => reason);
      expect(error).to.include({ code: 'ERR_PROVIDER_MISCONFIGURED' });
      await provider.close?.();
    });

    it('logs in once where the token was revoked, for all reads that meet it', async () => {
      const provider = open({ method: 'approle', roleId, secretId: await secretId() });
      const { signal } = new AbortController();
      await provider.read({ signal });
      await revokeAll();
      const before = asked().length;
      const results = await Promise.all([1, 2, 3, 4].map(() => provider.read({ signal })));
      for (const result of results) expect(result).to.deep.include({ document: rows });
      const logIns = asked()
        .slice(before)
        .filter((path) => path === 'auth/approle/login');
      expect(logIns).to.have.length(1);
      await provider.close?.();
    });

    it('logs in once where the policy denies the read, and says so', async () => {
      await must('POST', 'auth/approle/role/nothing', { token_policies: 'default' });
      const id = at(await must('GET', 'auth/approle/role/nothing/role-id'), 'role_id');
      const provider = open({ method: 'approle', roleId: id, secretId: await secretId('nothing') });
      const before = asked().length;
      for (let read = 0; read < 4; read += 1) {
        const error: unknown = await provider
          .read({ signal: new AbortController().signal })
          .catch((reason: unknown) => reason);
        expect(error).to.include({ code: 'ERR_PROVIDER_DENIED' });
      }
      // The first one, and one because of the denial.
      expect(
        asked()
          .slice(before)
          .filter((path) => path.endsWith('/login')),
      ).to.have.length(2);
      await provider.close?.();
    });

    it('revokes its token when it is closed, where that is wanted', async () => {
      for (const revokeOnClose of [true, false]) {
        await revokeAll();
        const provider = open({ method: 'approle', roleId, secretId: await secretId(), revokeOnClose });
        await provider.read({ signal: new AbortController().signal });
        await provider.close?.();
        expect(await accessors()).to.have.length(revokeOnClose ? 0 : 1);
      }
    });

    it('renews its token, and a given one, in time by our clock', async () => {
      const given = await vault.createToken({ policies: ['pins'], ttl: '1h' });
      for (const options of [
        { auth: { method: 'approle', roleId, secretId: await secretId() } as const },
        { auth: undefined, token: given },
      ]) {
        const clock = new VirtualClock(Date.now());
        const before = front.requests.length;
        const provider = createVaultProvider({
          address: front.address,
          path: 'secret/tls-pins',
          kvVersion: 2,
          env: {},
          clock,
          ...options,
        });
        await provider.read({ signal: new AbortController().signal });
        const since = (): string[] =>
          front.requests.slice(before).map(({ path, status }) => `${path} ${String(status)}`);
        const looked = async (path: string): Promise<void> =>
          until(
            () => since().some((each) => each.endsWith(`${path} 200`)),
            () => since().join(', '),
          );
        await clock.advance(10_000);
        if (options.auth === undefined) await looked('auth/token/lookup-self');
        // The answer has to be taken in before the clock goes on.
        await provider.read({ signal: new AbortController().signal });
        await clock.advance(50 * 60_000);
        await looked('auth/token/renew-self');
        await provider.close?.();
      }
    });

    it('works with batch tokens', async () => {
      const role = { token_policies: 'pins', token_type: 'batch', token_ttl: '10m' };
      await must('POST', 'auth/approle/role/batch', role);
      const id = at(await must('GET', 'auth/approle/role/batch/role-id'), 'role_id');
      await expectRead({
        method: 'approle',
        roleId: id,
        secretId: await secretId('batch'),
        revokeOnClose: true,
      });
    });

    async function accessors(): Promise<string[]> {
      const { body } = await vault.api('LIST', 'auth/token/accessors');
      const keys = (body as { data: { keys: string[] } }).data.keys;
      const infos = await Promise.all(
        keys.map(async (accessor) => vault.api('POST', 'auth/token/lookup-accessor', { accessor })),
      );
      return keys.filter((_key, index) => at(infos[index]?.body, 'path') === 'auth/approle/login');
    }

    async function revokeAll(): Promise<void> {
      for (const accessor of await accessors())
        await must('POST', 'auth/token/revoke-accessor', { accessor });
    }
  });

  it('by user name and password', async () => {
    await expectRead({ method: 'userpass', username: 'payments', password: 'correct horse' });
    const provider = open({ method: 'userpass', username: 'payments', password: 'wrong horse' });
    const error = await denied(provider.read({ signal: new AbortController().signal }), 'login');
    expect(error.message).not.to.contain('wrong horse');
    await provider.close?.();
  });

  it('by a JWT whose file is read anew at each log-in', async () => {
    const jwtFile = join(folder, 'jwt');
    const claims = { sub: 'payments', aud: 'vault' };
    await writeFile(jwtFile, signer.sign(claims, -600));
    const stale = open({ method: 'jwt', role: 'payments', jwtFile });
    await denied(stale.read({ signal: new AbortController().signal }), 'login');
    await stale.close?.();
    await writeFile(jwtFile, signer.sign(claims));
    await expectRead({ method: 'jwt', role: 'payments', jwtFile });
  });

  it('by the token of a Kubernetes service account, rotated on disk', async () => {
    const jwtFile = join(folder, 'service-account');
    const subject = {
      sub: 'system:serviceaccount:pins:payments',
      iss: 'kubernetes/serviceaccount',
      'kubernetes.io': { namespace: 'pins', serviceaccount: { name: 'payments', uid: 'uid-payments' } },
    };
    for (let rotation = 0; rotation < 2; rotation += 1) {
      const token = signer.sign(subject);
      cluster.accept(token);
      await writeFile(jwtFile, token);
      await expectRead({ method: 'kubernetes', role: 'payments', jwtFile });
      expect(cluster.reviewed.at(-1)).to.equal(token);
    }
  });

  it('by a token in a file that somebody else keeps good', async () => {
    const tokenFile = join(folder, 'sink');
    await writeFile(tokenFile, `${await vault.createToken({ policies: ['pins'] })}\n`);
    await expectRead({ method: 'token', tokenFile });
  });

  it('inline, with one request for both', async () => {
    const before = front.requests.length;
    await expectRead({ method: 'userpass', username: 'payments', password: 'correct horse', inline: true });
    await expectRead({ method: 'approle', roleId, secretId: await secretId(), inline: true });
    expect(front.requests.length - before).to.equal(2);
    const wrong = open({ method: 'userpass', username: 'payments', password: 'wrong horse', inline: true });
    const error = await denied(wrong.read({ signal: new AbortController().signal }), 'login');
    expect(error.message).not.to.contain('wrong horse');
    await wrong.close?.();
  });

  it('through the front door, with all of it in the environment', async () => {
    const secretIdFile = join(folder, 'front-door');
    await writeFile(secretIdFile, await secretId());
    const env = {
      PINVAULT_PROVIDER: 'vault',
      PINVAULT_VAULT_PATH: 'secret/tls-pins',
      VAULT_ADDR: vault.address,
      PINVAULT_VAULT_AUTH_METHOD: 'approle',
      PINVAULT_VAULT_AUTH_ROLE_ID: roleId,
      PINVAULT_VAULT_AUTH_SECRET_ID_FILE: secretIdFile,
    };
    await expectStarts(createPinResolver({}, env));
    const auth = { method: 'userpass', username: 'payments', password: 'correct horse' } as const;
    await expectStarts(
      createPinResolver(
        { provider: 'vault', vault: { path: 'secret/tls-pins', auth } },
        { VAULT_ADDR: vault.address },
      ),
    );
  });

  async function expectStarts(starting: Promise<PinResolver>): Promise<void> {
    const pins = await starting;
    expect(pins.status()).to.include({ state: 'fresh', source: 'provider' });
    await pins.close();
  }

  it('by a client certificate', async () => {
    const secure = await startOpenBao({ mode: 'dev-tls' });
    try {
      const root = await createRootCa();
      const client = await root.issue({
        subject: 'payments',
        extendedKeyUsages: [EXTENDED_KEY_USAGES.clientAuth],
      });
      const other = await (
        await createRootCa()
      ).issue({ extendedKeyUsages: [EXTENDED_KEY_USAGES.clientAuth] });
      await secure.api('POST', 'secret/data/tls-pins', { data: rows });
      await secure.putPolicy('pins', 'path "secret/data/tls-pins" { capabilities = ["read"] }');
      await secure.api('POST', 'sys/auth/cert', { type: 'cert' });
      const role = { certificate: root.pem, token_policies: 'pins' };
      expect((await secure.api('POST', 'auth/cert/certs/payments', role)).status).to.equal(204);
      const connection = { address: secure.address, caFile: secure.caPath ?? '' };
      const shown = { ...connection, cert: client.pem, key: client.key.privateKeyPem };
      await expectRead({ method: 'cert', role: 'payments' }, shown);
      await expectRead({ method: 'cert' }, shown);
      const stranger = open(
        { method: 'cert' },
        { ...connection, cert: other.pem, key: other.key.privateKeyPem },
      );
      await denied(stranger.read({ signal: new AbortController().signal }), 'login');
      await stranger.close?.();
    } finally {
      await secure.stop();
    }
  });
});
