import { Agent } from 'node:https';
import { expect } from 'chai';
import { type AzureProviderOptions, createAzureProvider } from '#src/index.js';
import { readAzureSettings } from '#src/options.js';
import { expectInvalidOption, expectMisconfigured } from './support/errors.js';

const vaultUrl = 'https://pins.vault.azure.net';
const pin = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
const client = { vaultUrl, getSecret: async () => ({ properties: {} }) };

const given = (options: object): AzureProviderOptions => ({
  vaultUrl,
  secretName: 'tls-pins',
  env: {},
  ...options,
});
const settingsOf = (options: object) => readAzureSettings(given(options));
const fromEnvironment = (env: Record<string, string>, options: object = {}) =>
  readAzureSettings({ env, ...options });

describe('options of createAzureProvider', () => {
  it('make a provider that says where the document lies', () => {
    expect(createAzureProvider(given({}))).to.deep.include({
      name: 'azure',
      scope: 'document',
      location: 'pins.vault.azure.net/tls-pins',
      defaultRefreshIntervalMs: 60_000,
    });
    expect(createAzureProvider(given({ secretName: 'pins-{host}' }))).to.include({
      scope: 'host',
      location: 'pins.vault.azure.net/pins-{host}',
    });
  });

  it('have safe defaults', () => {
    expect(settingsOf({})).to.deep.include({
      credential: undefined,
      pins: undefined,
      client: undefined,
      clientOptions: {},
      tlsOptions: {},
      skipVerify: false,
      timeoutMs: 10_000,
    });
  });

  it('come from the environment where code says nothing', () => {
    const { vault, secret } = fromEnvironment({
      PINVAULT_AZURE_VAULT_URL: ` ${vaultUrl}\n`,
      PINVAULT_AZURE_SECRET_NAME: 'tls-pins',
    });
    expect([vault?.href, secret.text]).to.deep.equal([`${vaultUrl}/`, 'tls-pins']);
  });

  it('beat the environment, and an undefined one does not', () => {
    const env = {
      PINVAULT_AZURE_VAULT_URL: 'https://other.vault.azure.net',
      PINVAULT_AZURE_SECRET_NAME: 'other',
    };
    const beaten = fromEnvironment(env, { vaultUrl, secretName: 'tls-pins' });
    expect([beaten.vault?.host, beaten.secret.text]).to.deep.equal(['pins.vault.azure.net', 'tls-pins']);
    const kept = fromEnvironment(env, { vaultUrl: undefined, secretName: undefined });
    expect([kept.vault?.host, kept.secret.text]).to.deep.equal(['other.vault.azure.net', 'other']);
  });

  it('take nothing from process.env where an environment is handed over', async () => {
    await expectMisconfigured(() => {
      process.env['PINVAULT_AZURE_VAULT_URL'] = vaultUrl;
      try {
        readAzureSettings({ secretName: 'tls-pins', env: {} });
      } finally {
        delete process.env['PINVAULT_AZURE_VAULT_URL'];
      }
    }, 'PINVAULT_AZURE_VAULT_URL');
  });

  it('may hold several pins', () => {
    expect(settingsOf({ pins: [pin, `ca:${pin}`] }).pins).to.deep.equal([pin, `ca:${pin}`]);
    expect(settingsOf({ pins: pin }).pins).to.deep.equal([pin]);
  });

  const wrong: readonly (readonly [option: string, options: object])[] = [
    ['azure.vaultURL', { vaultURL: vaultUrl }],
    ['azure.secret', { secret: 'tls-pins' }],
    ['azure.vaultUrl', { vaultUrl: 'pins' }],
    ['azure.vaultUrl', { vaultUrl: '' }],
    ['azure.vaultUrl', { vaultUrl: 7 }],
    ['azure.vaultUrl', { vaultUrl: `${vaultUrl}/secrets/tls-pins` }],
    ['azure.secretName', { secretName: 'tls_pins' }],
    ['azure.secretName', { secretName: '' }],
    ['azure.secretName', { secretName: 7 }],
    ['azure.credential', { credential: 'eyJ' }],
    ['azure.credential', { credential: null }],
    ['azure.credential', { credential: {} }],
    ['azure.client', { client: {} }],
    ['azure.client', { client: null }],
    ['azure.clientOptions', { clientOptions: 7 }],
    ['azure.clientOptions', { clientOptions: null }],
    ['azure.timeoutMs', { timeoutMs: 0 }],
    ['azure.timeoutMs', { timeoutMs: NaN }],
    ['azure.timeoutMs', { timeoutMs: Infinity }],
    ['azure.timeoutMs', { timeoutMs: 2 ** 31 }],
    ['azure.timeoutMs', { timeoutMs: '5s' }],
    ['azure.pins', { pins: 'sha256/short' }],
    ['azure.pins', { pins: [] }],
    ['azure.pins', { pins: '' }],
    ['azure.pins', { pins: null }],
    ['azure.pins', { pins: 'none' }],
    ['azure.pins', { pins: 'block' }],
    ['azure.pins', { pins: `${pin} mode=report` }],
    ['azure.pins', { pins: pin, vaultUrl: 'http://127.0.0.1:8444' }],
    ['azure.pins', { pins: pin, client }],
    ['azure.clientOptions.httpClient', { pins: pin, clientOptions: { httpClient: {} } }],
    ['azure.clientOptions.agent', { pins: pin, clientOptions: { agent: new Agent() } }],
    ['azure.clientOptions.proxyOptions', { pins: pin, clientOptions: { proxyOptions: {} } }],
  ];
  for (const [option, options] of wrong) {
    it(`are refused by name: ${option} in ${Object.keys(options).join(', ')}`, async () => {
      await expectInvalidOption(() => createAzureProvider(given(options)), option);
    });
  }

  it('are refused where they are none', async () => {
    for (const nothing of [null, vaultUrl])
      await expectInvalidOption(() => createAzureProvider(nothing as never), 'azure');
  });

  it('need no address beside a client of the caller', () => {
    const { vault } = readAzureSettings({ client, secretName: 'tls-pins', env: {} });
    expect(vault?.host).to.equal('pins.vault.azure.net');
    const nameless = { getSecret: client.getSecret };
    expect(createAzureProvider({ client: nameless, secretName: 'tls-pins', env: {} }).location).to.equal(
      'azure/tls-pins',
    );
  });
});

describe('variables of createAzureProvider', () => {
  const good = { PINVAULT_AZURE_VAULT_URL: vaultUrl, PINVAULT_AZURE_SECRET_NAME: 'tls-pins' };
  for (const [variable, value] of [
    ['PINVAULT_AZURE_VAULT_URL', 'pins'],
    ['PINVAULT_AZURE_VAULT_URL', 'https://user:s3cret@pins.vault.azure.net'],
    ['PINVAULT_AZURE_SECRET_NAME', 'tls_pins'],
    ['PINVAULT_AZURE_SECRET_NAME', 's3cret {host}'],
  ] as const) {
    it(`are refused by name: ${variable}=${value}`, async () => {
      const error = await expectMisconfigured(
        () => fromEnvironment({ ...good, [variable]: value }),
        variable,
      );
      expect(error.message).not.to.contain('s3cret');
      expect(error.provider).to.equal('azure');
    });
  }

  it('are named where they are missing, or empty', async () => {
    for (const variable of Object.keys(good)) {
      await expectMisconfigured(() => fromEnvironment({ ...good, [variable]: '' }), variable);
      await expectMisconfigured(() => fromEnvironment({ ...good, [variable]: ' ' }), variable);
    }
  });
});

describe('a vault without protection', () => {
  const http = 'http://pins.example.com:8444';

  it('is refused outside loopback: plain http', async () => {
    await expectMisconfigured(() => settingsOf({ vaultUrl: http }), 'http', 'allowInsecureStore');
    await expectMisconfigured(
      () => fromEnvironment({ PINVAULT_AZURE_VAULT_URL: http }, { secretName: 'a' }),
      'http',
    );
    expect(settingsOf({ vaultUrl: http, allowInsecureStore: true }).vault?.protocol).to.equal('http:');
  });

  it('is allowed by the boolean alone', async () => {
    for (const allowInsecureStore of ['true', 1, false, undefined])
      await expectMisconfigured(() => settingsOf({ vaultUrl: http, allowInsecureStore }), 'http');
  });

  it('is fine on loopback', () => {
    expect(settingsOf({ vaultUrl: 'http://127.0.0.1:8444' }).vault?.protocol).to.equal('http:');
  });
});
