import { type SecretClientOptions, SecretClient } from '@azure/keyvault-secrets';
import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { expect } from 'chai';
import { type AzureProviderOptions, type AzureSecretClient, createAzureProvider } from '#src/index.js';
import { documentError, failureOf, providerError } from './support/errors.js';
import { credentialOf, read, readOnce } from './support/provider.js';
import { canary, errorBody, WireVault } from './support/wire-vault.js';

describe('a client of the caller', () => {
  let vault: WireVault;

  beforeEach(async () => {
    vault = await WireVault.start();
  });

  afterEach(async () => {
    await vault.close();
  });

  const clientOf = (options: SecretClientOptions = {}): SecretClient =>
    new SecretClient(
      vault.server.origin,
      credentialOf(() => canary),
      {
        disableChallengeResourceVerification: true,
        tlsOptions: { ca: vault.root.pem },
        retryOptions: { maxRetries: 0 },
        ...options,
      },
    );
  const optionsWith = (client: AzureSecretClient, more: object = {}): AzureProviderOptions => ({
    client,
    secretName: 'tls-pins',
    env: {},
    ...more,
  });

  it('wins over all that would make one', async () => {
    const credential = credentialOf(() => expect.fail('asked for a token'));
    const options = optionsWith(clientOf(), {
      vaultUrl: 'https://other.vault.azure.net',
      credential,
      clientOptions: { retryOptions: { maxRetries: 9 } },
    });
    expect(createAzureProvider(options).location).to.equal(`${new URL(vault.server.origin).host}/tls-pins`);
    expect(await readOnce(options)).to.have.property('document', '{"api.example.com":"none"}');
  });

  it('keeps being the caller’s after close', async () => {
    const client = clientOf();
    await readOnce(optionsWith(client));
    expect((await client.getSecret('tls-pins')).value).to.equal('{"api.example.com":"none"}');
  });

  it('has its errors told like those of our own', async () => {
    vault.answerWith({ status: 403, body: errorBody('Forbidden', 'ForbiddenByFirewall') });
    const denied = await providerError(() => readOnce(optionsWith(clientOf())), 'ERR_PROVIDER_DENIED');
    expect(denied.detail).to.equal('firewall');
    vault.answerWith({ status: 429, headers: { 'retry-after': '9' }, body: errorBody('Throttled') });
    const throttled = await providerError(() => readOnce(optionsWith(clientOf())), 'ERR_PROVIDER_THROTTLED');
    expect(throttled.retryAfterMs).to.equal(9_000);
    vault.answerWith({ status: 200, body: '{"value":' });
    await documentError(() => readOnce(optionsWith(clientOf())), 'ERR_DOCUMENT_MALFORMED');
    await vault.close();
    const away = await providerError(() => readOnce(optionsWith(clientOf())), 'ERR_PROVIDER_UNAVAILABLE');
    expect(away.detail).to.equal('ECONNREFUSED');
  });

  it('is asked no more after close, and what it was asked ends then', async () => {
    const asked: string[] = [];
    const client: AzureSecretClient = {
      getSecret: (name) => {
        asked.push(name);
        return new Promise(() => undefined);
      },
    };
    const provider = createAzureProvider(optionsWith(client));
    const pending = failureOf(() => read(provider));
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await provider.close?.();
    expect(await pending).to.have.property('detail', 'closed');
    expect(await failureOf(() => read(provider))).to.have.property('detail', 'closed');
    expect(asked).to.deep.equal(['tls-pins']);
  });

  it('is ended in time, also where it does not listen', async () => {
    const client: AzureSecretClient = { getSecret: () => new Promise(() => undefined) };
    await providerError(() => readOnce(optionsWith(client, { timeoutMs: 30 })), 'ERR_PROVIDER_TIMEOUT');
  });

  it('need not be one of the SDK', async () => {
    const properties = { version: 'v1' };
    const client: AzureSecretClient = { getSecret: async () => ({ value: '{"a":"none"}', properties }) };
    expect(await readOnce(optionsWith(client))).to.deep.equal({ document: '{"a":"none"}', revision: 'v1' });
  });

  it('and whatever else the options take fits the SDK’s own types', () => {
    const credential: TokenCredential = new DefaultAzureCredential();
    const clientOptions: SecretClientOptions = { serviceVersion: '7.5' };
    const options: AzureProviderOptions = {
      vaultUrl: 'https://pins.vault.azure.net',
      secretName: 'tls-pins',
      credential,
      clientOptions,
      env: {},
    };
    expect(createAzureProvider(options).name).to.equal('azure');
  });
});

describe('options of the SDK', () => {
  it('go to it untouched, and win over ours', async () => {
    const vault = await WireVault.start();
    try {
      vault.answerWith({
        status: 503,
        headers: { 'retry-after-ms': '1' },
        body: errorBody('ServiceUnavailable'),
      });
      const clientOptions = {
        tlsOptions: { ca: vault.root.pem },
        serviceVersion: '7.4',
        retryOptions: { maxRetries: 2 },
        userAgentOptions: { userAgentPrefix: 'payments' },
      };
      await providerError(() => readOnce(vault.options({ clientOptions })), 'ERR_PROVIDER_UNAVAILABLE');
      // The challenge, and three attempts.
      expect(vault.seen.length).to.be.at.least(4);
      expect(vault.seen[0]?.url).to.equal('/secrets/tls-pins/?api%2Dversion=7.4');
      expect(vault.seen[0]?.headers['user-agent']).to.match(/^payments /u);
    } finally {
      await vault.close();
    }
  });
});
