import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRootCa, type TestCertificate } from '@pinvault/testing';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';
import { readVaultSettings } from '#src/options.js';
import { expectInvalidOption, expectMisconfigured } from './support/errors.js';

const https = 'https://vault.example.com:8200';
const pin = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';

function given(options: object): VaultProviderOptions {
  return { address: https, path: 'secret/tls-pins', token: 't', env: {}, ...options };
}

const settingsOf = (options: object) => readVaultSettings(given(options));
const fromEnvironment = (env: Record<string, string>, options: object = {}) =>
  readVaultSettings({ path: 'secret/tls-pins', env: { VAULT_TOKEN: 't', ...env }, ...options });

describe('options of createVaultProvider', () => {
  let root: TestCertificate;
  let folder: string;

  before(async () => {
    root = await createRootCa();
    folder = await mkdtemp(join(tmpdir(), 'pinvault-vault-options-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('make a provider that says where the document lies', () => {
    const provider = createVaultProvider(given({}));
    expect(provider).to.deep.include({
      name: 'vault',
      location: 'secret/tls-pins',
      defaultRefreshIntervalMs: 30_000,
    });
  });

  it('have safe defaults', () => {
    expect(settingsOf({})).to.deep.include({
      namespace: '',
      servername: undefined,
      pins: undefined,
      skipVerify: false,
      timeoutMs: 10_000,
    });
  });

  it('come from the environment where code says nothing', async () => {
    const file = join(folder, 'ca.pem');
    await writeFile(file, root.pem);
    const settings = fromEnvironment({
      VAULT_ADDR: https,
      VAULT_NAMESPACE: 'team/',
      VAULT_CACERT: file,
      VAULT_TLS_SERVER_NAME: 'vault.internal',
      VAULT_CLIENT_TIMEOUT: '5s',
      VAULT_SKIP_VERIFY: 'false',
    });
    expect(settings.address.href).to.equal(`${https}/`);
    expect(settings).to.deep.include({
      namespace: 'team/',
      servername: 'vault.internal',
      timeoutMs: 5_000,
      skipVerify: false,
    });
  });

  it('beat the environment, and an undefined one does not', () => {
    const env = { VAULT_ADDR: 'https://other.example.com', VAULT_NAMESPACE: 'a', VAULT_CLIENT_TIMEOUT: '5s' };
    const beaten = fromEnvironment(env, { address: https, namespace: 'b', timeoutMs: 7 });
    expect([beaten.address.href, beaten.namespace, beaten.timeoutMs]).to.deep.equal([`${https}/`, 'b', 7]);
    const kept = fromEnvironment(env, { address: undefined, namespace: undefined, timeoutMs: undefined });
    expect([kept.address.host, kept.namespace, kept.timeoutMs]).to.deep.equal([
      'other.example.com',
      'a',
      5_000,
    ]);
  });

  it('take nothing from process.env where an environment is handed over', async () => {
    await expectMisconfigured(() => {
      process.env['VAULT_ADDR'] = https;
      try {
        readVaultSettings({ path: 'secret/tls-pins', env: {} });
      } finally {
        delete process.env['VAULT_ADDR'];
      }
    }, 'VAULT_ADDR');
  });

  const wrong: readonly (readonly [option: string, options: object])[] = [
    ['vault.adress', { adress: https }],
    ['vault.kv', { kv: 1 }],
    ['vault.address', { address: 'vault:8200' }],
    ['vault.address', { address: '' }],
    ['vault.address', { address: 8200 }],
    ['vault.path', { path: undefined }],
    ['vault.mount', { mount: 'a//b' }],
    ['vault.token', { token: '' }],
    ['vault.token', { token: 'a b' }],
    ['vault.token', { token: 'a\n' }],
    ['vault.token', { token: 42 }],
    ['vault.namespace', { namespace: '' }],
    ['vault.namespace', { namespace: 'a\r\nX-Evil: 1' }],
    ['vault.servername', { servername: '' }],
    ['vault.servername', { servername: 7 }],
    ['vault.ca', { ca: '' }],
    ['vault.ca', { ca: '/etc/ssl/ca.pem' }],
    ['vault.ca', { ca: [] }],
    ['vault.ca', { ca: Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') }],
    ['vault.ca', { ca: 7 }],
    ['vault.timeoutMs', { timeoutMs: 0 }],
    ['vault.timeoutMs', { timeoutMs: -1 }],
    ['vault.timeoutMs', { timeoutMs: NaN }],
    ['vault.timeoutMs', { timeoutMs: Infinity }],
    ['vault.timeoutMs', { timeoutMs: 2 ** 31 }],
    ['vault.timeoutMs', { timeoutMs: '5s' }],
    ['vault.pins', { pins: 'sha256/short' }],
    ['vault.pins', { pins: 'r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=x' }],
    ['vault.pins', { pins: [pin, 'sha1/AAAA'] }],
    ['vault.pins', { pins: [] }],
    ['vault.pins', { pins: '' }],
    ['vault.pins', { pins: 7 }],
    ['vault.pins', { pins: null }],
    ['vault.pins', { pins: [7] }],
    ['vault.pins', { pins: 'none' }],
    ['vault.pins', { pins: 'block' }],
    ['vault.pins', { pins: `${pin} mode=report` }],
    ['vault.pins', { pins: pin, address: 'http://127.0.0.1:8200' }],
  ];
  for (const [option, options] of wrong) {
    it(`are refused by name: ${option} in ${JSON.stringify(options)}`, async () => {
      await expectInvalidOption(() => createVaultProvider(given(options)), option);
    });
  }

  it('are refused where there are none', async () => {
    for (const nothing of [undefined, null, 'secret/tls-pins'])
      await expectInvalidOption(() => createVaultProvider(nothing as never), 'vault');
  });

  it('may hold several CAs and several pins', () => {
    const settings = settingsOf({ ca: [root.pem, Buffer.from(root.pem)], pins: [pin, `ca:${pin}`] });
    expect(settings.pins).to.deep.equal([pin, `ca:${pin}`]);
  });

  it('take fractions of a millisecond', () => {
    expect(settingsOf({ timeoutMs: 0.5 }).timeoutMs).to.equal(0.5);
  });
});

describe('variables of createVaultProvider', () => {
  const wrong: readonly (readonly [variable: string, value: string])[] = [
    ['VAULT_ADDR', 'vault.example.com:8200'],
    ['VAULT_ADDR', 'https://user:s3cret@vault.example.com'],
    ['BAO_ADDR', 'nonsense'],
    ['VAULT_SKIP_VERIFY', 'yes'],
    ['VAULT_CLIENT_TIMEOUT', 'soon'],
    ['VAULT_CLIENT_TIMEOUT', '0'],
    ['VAULT_CACERT', '/nonexistent/ca.pem'],
    ['VAULT_CACERT', '/dev/null'],
    ['VAULT_CACERT', '/'],
    ['VAULT_NAMESPACE', 'a b'],
    ['VAULT_NAMESPACE', 'ä'],
    ['VAULT_TLS_SERVER_NAME', 'a\u0000b'],
    ['VAULT_TOKEN', 'a b'],
    ['BAO_TOKEN', 'tökén'],
  ];
  for (const [variable, value] of wrong) {
    it(`are refused by name: ${variable}=${JSON.stringify(value)}`, async () => {
      const error = await expectMisconfigured(
        () => fromEnvironment({ VAULT_ADDR: https, [variable]: value }),
        variable,
      );
      expect(error.message).not.to.contain('s3cret');
      expect(error.provider).to.equal('vault');
    });
  }

  it('name VAULT_ADDR where there is no address at all', async () => {
    await expectMisconfigured(() => fromEnvironment({}), 'VAULT_ADDR', 'address');
    await expectMisconfigured(() => fromEnvironment({ VAULT_ADDR: '', BAO_ADDR: '' }), 'VAULT_ADDR');
  });

  it('survive a timeout without end', () => {
    const { timeoutMs } = fromEnvironment({ VAULT_ADDR: https, VAULT_CLIENT_TIMEOUT: '9999999999h' });
    expect(timeoutMs).to.equal(2 ** 31 - 1);
  });
});

describe('a store without protection', () => {
  const allowed = { allowInsecureStore: true };

  it('is refused outside loopback: plain http', async () => {
    const http = 'http://vault.example.com:8200';
    await expectMisconfigured(() => settingsOf({ address: http }), http.slice(7), 'allowInsecureStore');
    await expectMisconfigured(() => fromEnvironment({ VAULT_ADDR: http }), 'http', 'allowInsecureStore');
    expect(settingsOf({ address: http, ...allowed }).address.protocol).to.equal('http:');
  });

  it('is refused outside loopback: a certificate that nobody checks', async () => {
    for (const variable of ['VAULT_SKIP_VERIFY', 'BAO_SKIP_VERIFY']) {
      const env = { [variable]: '1' };
      await expectMisconfigured(() => settingsOf({ env }), variable, 'allowInsecureStore');
      expect(settingsOf({ env, ...allowed }).skipVerify).to.equal(true);
    }
  });

  it('is allowed by the boolean alone, and by no variable', async () => {
    for (const allowInsecureStore of ['true', 1, false, undefined])
      await expectMisconfigured(
        () => settingsOf({ address: 'http://vault.example.com', allowInsecureStore }),
        'http',
      );
  });

  it('is fine on loopback', () => {
    expect(settingsOf({ address: 'http://127.0.0.1:8200' }).address.protocol).to.equal('http:');
    const env = { VAULT_SKIP_VERIFY: 'true' };
    expect(settingsOf({ address: 'https://127.0.0.1:8200', env }).skipVerify).to.equal(true);
  });

  it('has no pins: the two exclude each other', async () => {
    const options = { address: 'https://127.0.0.1:8200', env: { BAO_SKIP_VERIFY: 't' }, pins: pin };
    const error = await expectInvalidOption(() => settingsOf(options), 'vault.pins');
    expect(error.message).to.contain('BAO_SKIP_VERIFY');
  });
});
