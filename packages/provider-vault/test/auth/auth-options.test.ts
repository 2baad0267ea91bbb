import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readAuth, type VaultAuthOptions } from '#src/auth/auth-options.js';
import type { AuthMethod, LoginRequest, Write } from '#src/auth/auth-method.js';
import { readVaultSettings } from '#src/options.js';
import { expectInvalidOption, expectMisconfigured } from '../support/errors.js';

const nothing: Write = async () => expect.fail('nothing is asked before the log-in');

async function requestOf(auth: object | undefined, env: Record<string, string> = {}): Promise<LoginRequest> {
  const plan = readAuth(auth as VaultAuthOptions | undefined, env, '');
  return (plan as { method: AuthMethod }).method.prepare(nothing);
}

describe('a log-in', () => {
  it('goes before a token that lies around, and excludes one in code', async () => {
    const env = {
      VAULT_ADDR: 'http://127.0.0.1:1',
      VAULT_TOKEN: 'no token',
      PINVAULT_VAULT_AUTH_METHOD: 'cert',
    };
    expect(readVaultSettings({ path: 'secret/x', env })).to.have.nested.property('auth.kind', 'login');
    expect(readVaultSettings({ path: 'secret/x', env, token: 'hvs.x' })).to.have.property('auth', undefined);
    const both = { path: 'secret/x', env, token: 'hvs.x', auth: { method: 'cert' } } as const;
    await expectInvalidOption(() => readVaultSettings(both), 'vault.auth');
  });
});

describe('readAuth', () => {
  it('has nothing to say where nothing says how to log in', () => {
    expect(readAuth(undefined, { PINVAULT_VAULT_AUTH_METHOD: ' ' }, '')).to.equal(undefined);
  });

  it('leaves no variable of a log-in unheard where the method is forgotten', async () => {
    for (const name of ['PINVAULT_VAULT_AUTH_ROLE_ID', 'PINVAULT_VAULT_AUTH_METHDO']) {
      const env = { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'hvs.x', [name]: 'approle' };
      await expectMisconfigured(() => readVaultSettings({ path: 'secret/x', env }), name);
      // A token in code is no accident.
      expect(readVaultSettings({ path: 'secret/x', env, token: 'hvs.y' })).to.have.property(
        'auth',
        undefined,
      );
    }
  });

  const requests: readonly (readonly [object, string, object])[] = [
    [
      { method: 'approle', roleId: 'r', secretId: 's' },
      'auth/approle/login',
      { role_id: 'r', secret_id: 's' },
    ],
    [{ method: 'approle', roleId: 'r' }, 'auth/approle/login', { role_id: 'r' }],
    [{ method: 'kubernetes', role: 'r', jwt: 'j' }, 'auth/kubernetes/login', { role: 'r', jwt: 'j' }],
    [{ method: 'jwt', jwt: 'j', mount: 'auth/ci/' }, 'auth/ci/login', { jwt: 'j' }],
    [{ method: 'cert' }, 'auth/cert/login', {}],
    [{ method: 'cert', role: 'r' }, 'auth/cert/login', { name: 'r' }],
    [{ method: 'userpass', username: 'a/b', password: 'p' }, 'auth/userpass/login/a%2Fb', { password: 'p' }],
    [{ method: 'ldap', username: 'ü', password: 'p' }, 'auth/ldap/login/%C3%BC', { password: 'p' }],
  ];
  for (const [auth, path, body] of requests) {
    it(`logs in at ${path} with ${Object.keys(body).join(', ') || 'nothing'}`, async () => {
      expect(await requestOf(auth)).to.deep.include({ path, body });
    });

    it(`reads the same from variables: ${path} with ${Object.keys(body).join(', ') || 'nothing'}`, async () => {
      const env = Object.fromEntries(
        Object.entries(auth).map(([name, value]) => [
          `PINVAULT_VAULT_AUTH_${name.replaceAll(/[A-Z]/gu, '_$&').toUpperCase()}`,
          String(value),
        ]),
      );
      expect(await requestOf(undefined, env)).to.deep.include({ path, body });
    });
  }

  it('takes from the environment what code leaves out', async () => {
    const env = { PINVAULT_VAULT_AUTH_SECRET_ID: 's', PINVAULT_VAULT_AUTH_ROLE_ID: 'other' };
    const { body } = await requestOf({ method: 'approle', roleId: 'r' }, env);
    expect(body).to.deep.equal({ role_id: 'r', secret_id: 's' });
  });

  it('reads files anew each time, and trims them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-auth-'));
    try {
      const jwtFile = join(folder, 'jwt');
      const plan = readAuth({ method: 'jwt', jwtFile }, {}, '') as { method: AuthMethod };
      const prepare = () => plan.method.prepare(nothing);
      await expectMisconfigured(prepare, 'vault.auth.jwtFile', 'ENOENT');
      for (const jwt of ['one', 'two']) {
        await writeFile(jwtFile, `\n${jwt}\r\n`);
        expect((await prepare()).body).to.deep.equal({ jwt });
      }
      for (const bad of ['', ' \n', 's3cret\ns3cret']) {
        await writeFile(jwtFile, bad);
        const error = await expectMisconfigured(prepare, 'vault.auth.jwtFile');
        expect(error.message).not.to.contain('s3cret');
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  const wrong: readonly (readonly [object, string])[] = [
    [{ method: 'oidc' }, 'vault.auth.method'],
    [{}, 'vault.auth.method'],
    [{ method: 'approle', roleId: 'r', secretid: 's' }, 'vault.auth.secretid'],
    [{ method: 'agent', mount: 'x' }, 'vault.auth.mount'],
    [{ method: 'approle', roleId: '' }, 'vault.auth.roleId'],
    [{ method: 'approle', roleId: 7 }, 'vault.auth.roleId'],
    [{ method: 'approle', roleId: 'a\nb' }, 'vault.auth.roleId'],
    [{ method: 'approle', roleId: 'r', secretId: 's', secretIdFile: 'f' }, 'vault.auth.secretIdFile'],
    [{ method: 'approle', roleId: 'r', secretId: 's', wrappedSecretId: 'w' }, 'vault.auth.wrappedSecretId'],
    [{ method: 'userpass', username: '..', password: 'p' }, 'vault.auth.username'],
    [{ method: 'userpass', username: 'a/../../token', password: 'p' }, 'vault.auth.username'],
    [{ method: 'cert', mount: 'a/../sys' }, 'vault.auth.mount'],
    [{ method: 'cert', mount: 'a//b' }, 'vault.auth.mount'],
    [{ method: 'cert', inline: 'yes' }, 'vault.auth.inline'],
    [{ method: 'cert', inline: true, revokeOnClose: true }, 'vault.auth.revokeOnClose'],
    [{ method: 'aws', region: 'eu.evil.example/' }, 'vault.auth.region'],
  ];
  for (const [auth, option] of wrong) {
    it(`refuses ${JSON.stringify(auth)} by the name of ${option}`, async () => {
      await expectInvalidOption(() => readAuth(auth as VaultAuthOptions, {}, ''), option);
    });
  }

  it('refuses what is no object', async () => {
    for (const auth of ['approle', null, 7])
      await expectInvalidOption(() => readAuth(auth as unknown as VaultAuthOptions, {}, ''), 'vault.auth');
  });

  const lacking: readonly (readonly [object, string])[] = [
    [{ method: 'approle' }, 'PINVAULT_VAULT_AUTH_ROLE_ID'],
    [{ method: 'kubernetes' }, 'PINVAULT_VAULT_AUTH_ROLE'],
    [{ method: 'jwt', role: 'r' }, 'PINVAULT_VAULT_AUTH_JWT_FILE'],
    [{ method: 'userpass', password: 'p' }, 'PINVAULT_VAULT_AUTH_USERNAME'],
    [{ method: 'ldap', username: 'u' }, 'PINVAULT_VAULT_AUTH_PASSWORD_FILE'],
    [{ method: 'token' }, 'PINVAULT_VAULT_AUTH_TOKEN_FILE'],
  ];
  for (const [auth, variable] of lacking) {
    it(`says what ${JSON.stringify(auth)} lacks: ${variable}`, async () => {
      await expectMisconfigured(() => readAuth(auth as VaultAuthOptions, {}, ''), variable);
    });
  }

  it('refuses a variable that the method does not have, and one that does not parse', async () => {
    const env = { PINVAULT_VAULT_AUTH_METHOD: 'cert' };
    const refused = (more: object, name: string) =>
      expectMisconfigured(() => readAuth(undefined, { ...env, ...more }, ''), name);
    await refused({ PINVAULT_VAULT_AUTH_ROLE_ID: 'r' }, 'PINVAULT_VAULT_AUTH_ROLE_ID');
    await refused({ PINVAULT_VAULT_AUTH_INLINE: 'yes' }, 'PINVAULT_VAULT_AUTH_INLINE');
    await refused({ PINVAULT_VAULT_AUTH_METHOD: 'oidc' }, 'PINVAULT_VAULT_AUTH_METHOD');
    expect(readAuth(undefined, { ...env, PINVAULT_VAULT_AUTH_INLINE: 'true' }, '')?.kind).to.equal('inline');
    expect(readAuth(undefined, { ...env, PINVAULT_VAULT_AUTH_INLINE: 'false' }, '')?.kind).to.equal('login');
  });
});
