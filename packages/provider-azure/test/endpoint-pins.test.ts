import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { PinMismatchError } from '@pinvault/core';
import { runChild, type TestCertificate } from '@pinvault/testing';
import { type AzureProviderOptions, createAzureProvider } from '#src/index.js';
import { providerError } from './support/errors.js';
import { credentialOf, read, readOnce } from './support/provider.js';
import { canary, WireVault } from './support/wire-vault.js';

describe('the TLS of a vault', () => {
  let vault: WireVault;
  let other: TestCertificate;

  beforeEach(async () => {
    vault = await WireVault.start();
    other = await vault.root.issue({ hosts: ['127.0.0.1'] });
  });

  afterEach(async () => {
    await vault.close();
  });

  /** The read fails before a byte of it has reached the vault, and before anybody was asked for a token. */
  async function isRefused(options: Partial<AzureProviderOptions>, detail: string, ...facts: string[]) {
    let asked = 0;
    const credential = credentialOf(() => {
      asked += 1;
      return canary;
    });
    const error = await providerError(
      () => readOnce(vault.options({ ...options, credential })),
      'ERR_PROVIDER_UNAVAILABLE',
    );
    expect(error.detail).to.equal(detail);
    for (const fact of facts) expect(error.message).to.contain(fact);
    expect(vault.server.connections).to.be.above(0);
    expect([vault.server.applicationBytes, vault.seen.length, asked]).to.deep.equal([0, 0, 0]);
    return error;
  }

  it('is refused under a CA that is not trusted, and the text says what to do', async () => {
    await isRefused({ clientOptions: {} }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'NODE_EXTRA_CA_CERTS');
  });

  it('is refused under another name', async () => {
    vault.server.use([await vault.root.issue({ hosts: ['other.vault.azure.net'] })]);
    await isRefused({}, 'ERR_TLS_CERT_ALTNAME_INVALID', 'vaultUrl');
  });

  it('is refused once the certificate has expired', async () => {
    const notAfter = new Date(Date.now() - 60_000);
    vault.server.use([await vault.root.issue({ hosts: ['127.0.0.1'], notAfter })]);
    await isRefused({}, 'CERT_HAS_EXPIRED', 'expired');
  });

  describe('with pins', () => {
    it('is read where one matches: leaf, CA, or one of several', async () => {
      for (const pins of [vault.leaf.pin, `ca:${vault.root.pin}`, [other.pin, vault.leaf.pin]])
        expect(await readOnce(vault.options({ pins }))).to.have.property('document');
    });

    it('is refused where none matches, by a certificate from a trusted CA: nothing is sent, no token is asked for', async () => {
      const pins = other.pin;
      const error = await isRefused({ pins }, 'pin-mismatch', 'azure.pins', vault.leaf.pin, other.pin);
      expect(error.cause).to.be.an.instanceof(PinMismatchError);
      // The same vault, the same CA, without pins: what was refused is the pin alone.
      expect(await readOnce(vault.options())).to.have.property('document');
    });

    it('does not become trusted by its pin alone: CA and name still count', async () => {
      await isRefused({ pins: vault.leaf.pin, clientOptions: {} }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
      const named = await vault.root.issue({ hosts: ['other.vault.azure.net'] });
      vault.server.use([named]);
      await isRefused({ pins: named.pin }, 'ERR_TLS_CERT_ALTNAME_INVALID');
    });

    it('is judged at every read: a key that changes is refused before the token that is known is shown', async () => {
      const provider = createAzureProvider(vault.options({ pins: vault.leaf.pin }));
      await read(provider);
      const bytes = vault.server.applicationBytes;
      vault.server.use([other]);
      const error = await providerError(() => read(provider), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.detail).to.equal('pin-mismatch');
      expect(vault.server.applicationBytes).to.equal(bytes);
      vault.server.use([vault.leaf]);
      await read(provider);
      expect(vault.server.resumed).to.equal(0);
      await provider.close?.();
    });

    it('does not concern where the token comes from', async () => {
      // An issuer with a certificate that no pin knows, on plain http even: the credential's own affair.
      const issuer = createServer((_request, response) => response.end(canary)).listen(0, '127.0.0.1');
      await once(issuer, 'listening');
      const { port } = issuer.address() as AddressInfo;
      const credential = {
        getToken: async () => ({
          token: await (await fetch(`http://127.0.0.1:${String(port)}/`)).text(),
          expiresOnTimestamp: Date.now() + 3_600_000,
        }),
      };
      try {
        const options = vault.options({ pins: vault.leaf.pin, credential });
        expect(await readOnce(options)).to.have.property('document');
      } finally {
        issuer.closeAllConnections();
        issuer.close();
      }
    });
  });

  it('does not follow a redirect to another host, also where the SDK would', async () => {
    const elsewhere = await WireVault.start();
    try {
      const location = `${elsewhere.server.origin}/secrets/a`;
      vault.answerWith({ status: 307, headers: { location }, body: '' });
      const tlsOptions = { ca: [vault.root.pem, elsewhere.root.pem] };
      for (const [redirectOptions, detail] of [
        [{}, 'http-307'],
        [{ allowCrossOriginRedirects: true }, 'redirect'],
      ] as const) {
        const options = vault.options({ clientOptions: { tlsOptions, redirectOptions } });
        const error = await providerError(() => readOnce(options), 'ERR_PROVIDER_UNAVAILABLE');
        expect(error.detail).to.equal(detail);
      }
      expect(elsewhere.server.connections).to.equal(0);
    } finally {
      await elsewhere.close();
    }
  });

  it('is not left to a proxy where there are pins, and the text says so', async () => {
    const source = (pins: string) => `
      import { createAzureProvider } from '@pinvault/provider-azure';
      const provider = createAzureProvider({
        vaultUrl: ${JSON.stringify(vault.server.origin.replace('127.0.0.1', 'localhost'))},
        secretName: 'tls-pins',
        credential: { getToken: async () => ({ token: 't', expiresOnTimestamp: 9e12 }) },
        ${pins}
      });
      const hold = setTimeout(() => undefined, 20_000);
      const error = await provider.read({ signal: new AbortController().signal }).catch((error) => error);
      clearTimeout(hold);
      console.log(error.code, error.detail);
    `;
    // Nothing listens there.
    const env = { HTTPS_PROXY: 'http://127.0.0.1:1' };
    const folder = new URL('.', import.meta.url);
    const pinned = await runChild(folder, source(`pins: ${JSON.stringify(other.pin)},`), env);
    expect(pinned.output).to.equal('ERR_PROVIDER_MISCONFIGURED proxy\n');
    // The twin: without pins the proxy is what the SDK uses.
    const plain = await runChild(folder, source(''), env);
    expect(plain.output).to.equal('ERR_PROVIDER_UNAVAILABLE ECONNREFUSED\n');
    expect(vault.server.connections).to.equal(0);
  });
});
