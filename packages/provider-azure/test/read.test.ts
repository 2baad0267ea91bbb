import { expect } from 'chai';
import { type AzureProviderOptions, createAzureProvider } from '#src/index.js';
import { describeWithEmulator } from './support/emulator.js';
import { documentError, providerError } from './support/errors.js';
import { credentialOf, read, readOnce } from './support/provider.js';

const rows = '{"api.example.com":"none"}';

describeWithEmulator('reading a real vault', (emulated) => {
  let name: string;
  let count = 0;

  beforeEach(() => {
    count += 1;
    name = `tls-pins-${count}`;
  });

  function options(more: Partial<AzureProviderOptions> = {}, claims: Record<string, unknown> = {}) {
    const { vault, issuer } = emulated();
    return {
      vaultUrl: vault.url,
      secretName: name,
      credential: credentialOf(() => issuer.mint(claims)),
      clientOptions: { tlsOptions: { ca: vault.ca } },
      env: {},
      ...more,
    };
  }

  it('brings the newest version’s value, its version and its time', async () => {
    const { vault } = emulated();
    const before = Date.now();
    await vault.set(name, '{"old.example.com":"none"}');
    const revision = await vault.set(name, rows, { contentType: 'application/json' });
    const result = await readOnce(options());
    expect(result).to.include({ document: rows, revision });
    const { createdAt } = result as { createdAt?: Date };
    expect(createdAt?.getTime()).to.be.within(before - 2_000, Date.now() + 2_000);
  });

  it('says so where nothing has changed', async () => {
    const { vault } = emulated();
    const revision = await vault.set(name, rows);
    const provider = createAzureProvider(options());
    expect(await read(provider, revision)).to.deep.equal({ unchanged: true, revision });
    const next = await vault.set(name, rows);
    expect(await read(provider, revision)).to.include({ document: rows, revision: next });
    await provider.close?.();
  });

  it('tells a disabled version, although an older one is still good', async () => {
    const { vault } = emulated();
    await vault.set(name, rows);
    const version = await vault.set(name, rows);
    await vault.update(name, version, { enabled: false });
    const error = await providerError(() => readOnce(options()), 'ERR_PROVIDER_NOT_FOUND');
    expect(error.detail).to.equal('disabled');
    await vault.update(name, version, { enabled: true });
    expect(await readOnce(options())).to.have.property('revision', version);
  });

  it('tells a version that has expired, and one that is not valid yet', async () => {
    const { vault } = emulated();
    await vault.set(name, rows, { expiresOn: new Date(Date.now() - 60_000) });
    const expired = await providerError(() => readOnce(options()), 'ERR_PROVIDER_NOT_FOUND');
    expect(expired.detail).to.equal('expired');
    await vault.set(name, rows, { notBefore: new Date(Date.now() + 3_600_000) });
    const early = await providerError(() => readOnce(options()), 'ERR_PROVIDER_NOT_FOUND');
    expect(early.detail).to.equal('not-yet-valid');
    await vault.set(name, rows, {
      notBefore: new Date(Date.now() - 60_000),
      expiresOn: new Date(Date.now() + 3_600_000),
    });
    expect(await readOnce(options())).to.have.property('document', rows);
  });

  it('tells a deleted secret from one that never was, and how it comes back', async () => {
    const { vault } = emulated();
    const missing = await providerError(() => readOnce(options()), 'ERR_PROVIDER_NOT_FOUND');
    expect(missing.detail).to.equal('missing');
    expect(missing.message).to.contain(`az keyvault secret set --vault-name NAME --name ${name}`);
    const revision = await vault.set(name, rows);
    await vault.remove(name);
    const deleted = await providerError(() => readOnce(options()), 'ERR_PROVIDER_NOT_FOUND');
    expect(deleted.detail).to.equal('deleted');
    expect(deleted.message).to.contain('az keyvault secret recover').and.to.contain(`--name ${name}`);
    await vault.recover(name);
    expect(await readOnce(options())).to.include({ revision });
  });

  it('is denied to an identity that may not, and open to one that may do nothing else', async () => {
    const { vault } = emulated();
    await vault.set(name, rows);
    await vault.permit({ reader: ['secrets/get'], stranger: ['secrets/list', 'secrets/set'] });
    try {
      expect(await readOnce(options())).to.have.property('document', rows);
      const error = await providerError(
        () => readOnce(options({}, { oid: 'stranger' })),
        'ERR_PROVIDER_DENIED',
      );
      expect(error.message).to.contain('Key Vault Secrets User').and.to.contain(name);
    } finally {
      await vault.permit({});
    }
  });

  it('is denied to a token for another service, of another issuer, of yesterday, or of nobody', async () => {
    await emulated().vault.set(name, rows);
    for (const claims of [
      { aud: 'https://management.azure.com' },
      { iss: 'https://login.microsoftonline.com/other/v2.0' },
      { exp: Math.floor(Date.now() / 1_000) - 3_600 },
    ]) {
      const error = await providerError(() => readOnce(options({}, claims)), 'ERR_PROVIDER_DENIED');
      expect(error.detail, JSON.stringify(claims)).to.equal('token');
    }
    const forged = { credential: credentialOf(() => `${emulated().issuer.mint().slice(0, -8)}AAAAAAAA`) };
    await providerError(() => readOnce(options(forged)), 'ERR_PROVIDER_DENIED');
  });

  it('asks for another token after the vault has refused one', async () => {
    const { vault, issuer } = emulated();
    await vault.set(name, rows);
    let claims: Record<string, unknown> = { aud: 'https://management.azure.com' };
    let asked = 0;
    // The token says of itself that it is good for an hour: only the vault knows better.
    const credential = credentialOf(() => {
      asked += 1;
      return issuer.mint(claims);
    });
    const provider = createAzureProvider(options({ credential }));
    await providerError(() => read(provider), 'ERR_PROVIDER_DENIED');
    claims = {};
    expect(await read(provider)).to.have.property('document', rows);
    await read(provider);
    expect(asked).to.equal(2);
    await provider.close?.();
  });

  it('tells a vault that throttles, and for how long', async () => {
    const { vault } = emulated();
    await vault.set(name, rows);
    const provider = createAzureProvider(options());
    await read(provider);
    await vault.throttle(1);
    const error = await providerError(() => read(provider), 'ERR_PROVIDER_THROTTLED');
    expect(error.retryAfterMs).to.equal(1_000);
    expect(await read(provider)).to.have.property('document', rows);
    await vault.fail(1);
    const failed = await providerError(() => read(provider), 'ERR_PROVIDER_UNAVAILABLE');
    expect(failed.detail).to.equal('http-500');
    expect(await read(provider)).to.have.property('document', rows);
    await provider.close?.();
  });

  it('refuses the secret behind a certificate', async () => {
    await emulated().vault.set(name, 'MIIJ…', { contentType: 'application/x-pkcs12' });
    const error = await documentError(() => readOnce(options()), 'ERR_DOCUMENT_MALFORMED');
    expect(error.hint).to.contain('certificate');
  });

  it('of one secret per host finds the host’s own', async () => {
    const { vault } = emulated();
    const perHost = options({ secretName: `${name}-{host}` });
    const revision = await vault.set(`${name}-api-my--bank-example`, rows);
    const provider = createAzureProvider(perHost);
    const { signal } = new AbortController();
    const result = await provider.read({ host: 'api.my-bank.example', signal });
    expect(result).to.include({ document: rows, revision });
    const error = await providerError(
      async () => provider.read({ host: 'other.example', signal }),
      'ERR_PROVIDER_NOT_FOUND',
    );
    expect(error.message).to.contain(`${name}-other-example`);
    await provider.close?.();
  });
});
