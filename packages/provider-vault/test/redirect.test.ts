import { expect } from 'chai';
import { createRootCa, startDevVault, type DevVault } from '@pinvault/testing';
import { providerError } from './support/errors.js';
import { optionsFor, readOnce } from './support/provider.js';

describe('a vault that redirects', () => {
  let vault: DevVault;
  let elsewhere: DevVault;

  beforeEach(async () => {
    vault = await startDevVault();
    elsewhere = await startDevVault();
    vault.write('tls-pins', { mine: 'none' });
    elsewhere.write('tls-pins', { theirs: 'none' });
  });

  afterEach(async () => {
    await vault.close();
    await elsewhere.close();
  });

  /** Redirects the first `times` requests. */
  function redirecting(location: string, times = 1, status = 307): void {
    let left = times;
    vault.respondWith((_request, response) => {
      if (left === 0) return false;
      left -= 1;
      return response.writeHead(status, { Location: location }).end('moved');
    });
  }

  const read = () => readOnce(optionsFor(vault));

  async function refused(): Promise<string> {
    const error = await providerError(read, 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal('redirect');
    expect(error.message).to.contain(new URL(vault.address).host);
    return error.message;
  }

  it('is followed once within its origin, with the token', async () => {
    for (const status of [301, 302, 307, 308]) {
      for (const location of ['/v1/secret/data/tls-pins', `${vault.address}/v1/secret/data/tls-pins?again`]) {
        redirecting(location, 1, status);
        expect(await read()).to.deep.include({ document: { mine: 'none' } });
      }
    }
    expect(vault.requests).to.equal(16);
  });

  it('is not followed a second time', async () => {
    redirecting('/v1/secret/data/tls-pins', 2);
    expect(await refused()).to.contain('second');
    expect(vault.requests).to.equal(2);
  });

  it('is not followed to another port, and the token does not arrive there', async () => {
    redirecting(`${elsewhere.address}/v1/secret/data/tls-pins`);
    expect(await refused())
      .to.contain(new URL(elsewhere.address).host)
      .and.to.contain('VAULT_ADDR');
    expect([vault.requests, elsewhere.requests]).to.deep.equal([1, 0]);
  });

  it('is not followed to another port in a second step either', async () => {
    let step = 0;
    vault.respondWith((_request, response) => {
      step += 1;
      const location = step === 1 ? '/v1/secret/data/other' : `${elsewhere.address}/`;
      return response.writeHead(302, { Location: location }).end();
    });
    await refused();
    expect([vault.requests, elsewhere.requests]).to.deep.equal([2, 0]);
  });

  it('is not followed to another host', async () => {
    const { port } = new URL(elsewhere.address);
    for (const host of [`localhost:${port}`, `127.0.0.2:${port}`, `evil.example.com`])
      for (const location of [`http://${host}/v1/secret/data/tls-pins`, `//${host}/x`]) {
        redirecting(location);
        await refused();
      }
    expect(elsewhere.requests).to.equal(0);
  });

  it('is not followed to another scheme', async () => {
    const leaf = await (await createRootCa()).issue({ hosts: ['127.0.0.1'] });
    const secured = await startDevVault({ tls: { chain: [leaf] } });
    try {
      redirecting(`${secured.address}/v1/secret/data/tls-pins`);
      await refused();
      redirecting(vault.address.replace('http:', 'https:'));
      await refused();
      for (const location of ['javascript:alert(1)', 'file:///etc/passwd', 'data:application/json,{}']) {
        redirecting(location);
        await refused();
      }
      expect(secured.requests).to.equal(0);
    } finally {
      await secured.close();
    }
  });

  it('is followed to an address that is named for it, once', async () => {
    redirecting(`${elsewhere.address}/v1/secret/data/tls-pins`);
    const options = optionsFor(vault, { redirectAddresses: [elsewhere.address] });
    expect(await readOnce(options)).to.deep.include({ document: { theirs: 'none' } });
    expect([vault.requests, elsewhere.requests]).to.deep.equal([1, 1]);
    redirecting(`${elsewhere.address}/v1/secret/data/tls-pins`);
    elsewhere.respondWith((_request, response) =>
      response.writeHead(307, { Location: `${vault.address}/v1/secret/data/tls-pins` }).end(),
    );
    const error = await providerError(() => readOnce(options), 'ERR_PROVIDER_UNAVAILABLE');
    expect([error.detail, elsewhere.requests, vault.requests]).to.deep.equal(['redirect', 2, 2]);
  });

  it('is not followed from https down to http, whatever the host', async () => {
    const root = await createRootCa();
    const secured = await startDevVault({ tls: { chain: [await root.issue({ hosts: ['127.0.0.1'] })] } });
    try {
      for (const location of [
        `${vault.address}/v1/secret/data/tls-pins`,
        secured.address.replace('https:', 'http:'),
      ]) {
        secured.respondWith((_request, response) => response.writeHead(307, { Location: location }).end());
        const options = optionsFor(secured, { ca: root.pem });
        const error = await providerError(() => readOnce(options), 'ERR_PROVIDER_UNAVAILABLE');
        expect(error.detail).to.equal('redirect');
      }
      expect(vault.requests).to.equal(0);
    } finally {
      await secured.close();
    }
  });

  it('is not followed at all where redirects are switched off', async () => {
    for (const options of [{ followRedirects: false }, { env: { VAULT_DISABLE_REDIRECTS: 'true' } }]) {
      redirecting('/v1/secret/data/tls-pins');
      const error = await providerError(
        () => readOnce(optionsFor(vault, options)),
        'ERR_PROVIDER_UNAVAILABLE',
      );
      expect(error.detail).to.equal('redirect');
    }
    expect(vault.requests).to.equal(2);
  });

  it('may send nonsense', async () => {
    redirecting('http://');
    const error = await providerError(read, 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.message).to.contain(new URL(vault.address).host);
    vault.respondWith((_request, response) => response.writeHead(302).end());
    expect((await providerError(read, 'ERR_PROVIDER_UNAVAILABLE')).detail).to.equal('http-302');
  });
});
