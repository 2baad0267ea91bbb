import { SecretClient } from 'azure-keyvault-secrets-lowest';
import { expect } from 'chai';
import { createAzureProvider } from '#src/index.js';
import { readAzureSettings } from '#src/options.js';
import { OwnClient } from '#src/own-client.js';
import type { SecretClientClass } from '#src/sdk.js';
import { documentError, providerError } from './support/errors.js';
import { read } from './support/provider.js';
import { errorBody, type WireAnswer, WireVault } from './support/wire-vault.js';

const lowest = async () => SecretClient as unknown as SecretClientClass;

// 4.9 is of another generation: its errors and its pipeline are made by other packages than those of 4.11.
describe('the lowest version of the SDK that is allowed', () => {
  let vault: WireVault;
  let own: OwnClient;

  beforeEach(async () => {
    vault = await WireVault.start();
    const settings = readAzureSettings(vault.options({ pins: vault.leaf.pin }));
    own = new OwnClient(new URL(vault.server.origin), settings, lowest);
  });

  afterEach(async () => {
    await own.close();
    await vault.close();
  });

  const provider = async () =>
    createAzureProvider({ client: await own.get(), secretName: 'tls-pins', env: {} });

  it('reads through our transport, pins and all', async () => {
    expect(await read(await provider())).to.include({
      document: '{"api.example.com":"none"}',
      revision: '4387e9f3d6e14c459867679a90fd0f79',
    });
    vault.server.use([await vault.root.issue({ hosts: ['127.0.0.1'] })]);
    const error = await providerError(async () => read(await provider()), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal('pin-mismatch');
  });

  it('has its errors told apart', async () => {
    for (const [answer, code, detail] of [
      [{ status: 403, body: errorBody('Forbidden', 'SecretDisabled') }, 'ERR_PROVIDER_NOT_FOUND', 'disabled'],
      [{ status: 403, body: errorBody('Forbidden', 'ForbiddenByRbac') }, 'ERR_PROVIDER_DENIED', 'rbac'],
      [{ status: 404, body: errorBody('SecretNotFound') }, 'ERR_PROVIDER_NOT_FOUND', 'missing'],
      [{ status: 401, body: errorBody('Unauthorized') }, 'ERR_PROVIDER_DENIED', 'token'],
      [{ status: 429, body: errorBody('Throttled') }, 'ERR_PROVIDER_THROTTLED', 'http-429'],
      [{ status: 503, body: '' }, 'ERR_PROVIDER_UNAVAILABLE', 'http-503'],
    ] as const satisfies readonly (readonly [WireAnswer, string, string])[]) {
      vault.answerWith({ headers: { 'retry-after': '7' }, ...answer });
      const error = await providerError(async () => read(await provider()), code);
      expect(error.detail).to.equal(detail);
      if (code === 'ERR_PROVIDER_THROTTLED') expect(error.retryAfterMs).to.equal(7_000);
    }
    vault.answerWith({ status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>log in</h1>' });
    await documentError(async () => read(await provider()), 'ERR_DOCUMENT_MALFORMED');
  });

  it('asks for no token for another service', async () => {
    vault.challengeFor('https://management.azure.com');
    const error = await providerError(async () => read(await provider()), 'ERR_PROVIDER_MISCONFIGURED');
    expect(error.detail).to.equal('challenge');
  });
});
