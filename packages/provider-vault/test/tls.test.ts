import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  createRootCa,
  createSelfSigned,
  runChild,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { PinMismatchError } from '@pinvault/core';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';
import { kvAnswer } from './support/answers.js';
import { providerError } from './support/errors.js';
import { documentOf, readOnce } from './support/provider.js';

describe('the TLS of a vault', () => {
  let root: TestCertificate;
  let leaf: TestCertificate;
  let otherName: TestCertificate;
  let vault: TestTlsServer;

  before(async () => {
    root = await createRootCa({ subject: 'Vault CA' });
    leaf = await root.issue({ hosts: ['127.0.0.1'] });
    otherName = await root.issue({ hosts: ['vault.internal'] });
  });

  beforeEach(async () => {
    vault = await startTlsServer({
      chain: [leaf],
      respond: (_request, response) =>
        response
          .setHeader('Content-Type', 'application/json')
          .end(JSON.stringify(kvAnswer({ 'api.example.com': 'none' }))),
    });
  });

  afterEach(async () => {
    await vault.close();
  });

  const optionsWith = (options: Partial<VaultProviderOptions>): VaultProviderOptions => ({
    address: vault.origin,
    path: 'secret/tls-pins',
    token: 't',
    kvVersion: 2,
    env: {},
    ...options,
  });

  async function isRead(options: Partial<VaultProviderOptions>): Promise<void> {
    const result = await readOnce(optionsWith(options));
    expect(result).to.deep.include({ document: { 'api.example.com': 'none' } });
  }

  /** The read fails before a byte of it, and with it the token, has reached the server. */
  async function isRefused(options: Partial<VaultProviderOptions>, detail: string, ...facts: string[]) {
    const error = await providerError(() => readOnce(optionsWith(options)), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal(detail);
    for (const fact of [new URL(vault.origin).host, ...facts]) expect(error.message).to.contain(fact);
    expect(vault.connections).to.be.above(0);
    expect([vault.applicationBytes, vault.requests]).to.deep.equal([0, 0]);
    return error;
  }

  it('is refused under a CA that is not trusted, and the text says what to do', async () => {
    await isRefused({}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'VAULT_CACERT');
    await isRefused({ ca: (await createRootCa()).pem }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'VAULT_CACERT');
    vault.use([await createSelfSigned({ hosts: ['127.0.0.1'] })]);
    await isRefused({ ca: root.pem }, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'VAULT_CACERT');
  });

  it('is verified anew in each read: no session is resumed', async () => {
    const provider = createVaultProvider(optionsWith({ ca: root.pem }));
    for (let read = 0; read < 3; read += 1) await provider.read({ signal: new AbortController().signal });
    expect([vault.connections, vault.resumed]).to.deep.equal([3, 0]);
    await provider.close?.();
  });

  it('is trusted under the CA of the options, alone or among others', async () => {
    await isRead({ ca: root.pem });
    await isRead({ ca: [(await createRootCa()).pem, Buffer.from(root.pem)] });
  });

  it('is trusted under the CA of VAULT_CACERT', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-cacert-'));
    try {
      const file = join(folder, 'ca.pem');
      await writeFile(file, `a comment\n${root.pem}`);
      await isRead({ env: { VAULT_CACERT: file } });
      await isRead({ env: { BAO_CACERT: file, VAULT_CACERT: '/nonexistent' } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is refused under another name, unless that name is expected', async () => {
    vault.use([otherName]);
    await isRefused({ ca: root.pem }, 'ERR_TLS_CERT_ALTNAME_INVALID', 'VAULT_TLS_SERVER_NAME');
    await isRead({ ca: root.pem, servername: 'vault.internal' });
    await isRead({ ca: root.pem, env: { VAULT_TLS_SERVER_NAME: 'vault.internal' } });
  });

  it('is refused where the name that is expected is not its own', async () => {
    await isRefused({ ca: root.pem, servername: 'vault.internal' }, 'ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('is refused once the certificate has expired', async () => {
    const notAfter = new Date(Date.now() - 60_000);
    vault.use([await root.issue({ hosts: ['127.0.0.1'], notAfter })]);
    await isRefused({ ca: root.pem }, 'CERT_HAS_EXPIRED', 'expired');
  });

  it('is refused below version 1.2', async () => {
    const old = await startTlsServer({ chain: [leaf], minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    try {
      const options = optionsWith({ address: old.origin, ca: root.pem });
      const error = await providerError(() => readOnce(options), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.message).to.contain('1.2');
      expect(old.handshakes).to.equal(0);
    } finally {
      await old.close();
    }
  });

  it('is refused below version 1.2 also where the process would speak that with others', async function () {
    this.timeout(20_000);
    const ciphers = 'DEFAULT@SECLEVEL=0';
    const old = await startTlsServer({ chain: [leaf], minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers });
    const source = `
      import https from 'node:https';
      import { createVaultProvider } from '@pinvault/provider-vault';
      const { ORIGIN: address, CA_PEM: ca } = process.env;
      const hold = setTimeout(() => undefined, 20_000);
      console.log(await new Promise((resolve) => {
        https.get(address, { ca, agent: false }, ({ statusCode }) => resolve(statusCode)).on('error', resolve);
      }));
      const provider = createVaultProvider({ address, ca, path: 'secret/tls-pins', token: 't', maxRetries: 0 });
      console.log(await provider.read({ signal: new AbortController().signal }).catch(({ code }) => code));
      clearTimeout(hold);
    `;
    try {
      const { output } = await runChild(new URL('.', import.meta.url), source, {
        NODE_OPTIONS: `--tls-min-v1.0 --tls-cipher-list=${ciphers}`,
        ORIGIN: old.origin,
        CA_PEM: root.pem,
      });
      expect(output).to.equal('200\nERR_PROVIDER_UNAVAILABLE\n');
      expect([old.handshakes, old.requests]).to.deep.equal([1, 1]);
    } finally {
      await old.close();
    }
  });

  describe('with pins', () => {
    it('is read where one matches: leaf, CA, or one of several', async () => {
      await isRead({ ca: root.pem, pins: leaf.pin });
      await isRead({ ca: root.pem, pins: [otherName.pin, leaf.pin] });
      await isRead({ ca: root.pem, pins: `ca:${root.pin}` });
      await isRead({ ca: root.pem, pins: `cert-sha256:${leaf.fingerprint256}` });
    });

    it('is refused where none matches; the text can be pasted into a mend', async () => {
      const error = await isRefused(
        { ca: root.pem, pins: otherName.pin },
        'pin-mismatch',
        'vault.pins',
        leaf.pin,
        otherName.pin,
      );
      expect(error.cause).to.be.an.instanceof(PinMismatchError);
      expect(error.cause).to.have.property('code', 'ERR_PIN_MISMATCH');
    });

    it('is refused where a pin that may match a leaf only is that of the CA', async () => {
      await isRefused({ ca: root.pem, pins: `leaf:${root.pin}` }, 'pin-mismatch');
    });

    it('is refused where the pin has ended', async () => {
      const error = await isRefused({ ca: root.pem, pins: `${leaf.pin} until=2020-01-01` }, 'pin-mismatch');
      expect(error.cause).to.have.property('code', 'ERR_PIN_EXPIRED');
    });

    it('does not become trusted by its pin alone: CA and name still count', async () => {
      await isRefused({ pins: leaf.pin }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
      vault.use([otherName]);
      await isRefused({ ca: root.pem, pins: otherName.pin }, 'ERR_TLS_CERT_ALTNAME_INVALID');
      await isRead({ ca: root.pem, pins: otherName.pin, servername: 'vault.internal' });
    });

    it('is judged at every read: a vault that changes its key is refused, and taken back', async () => {
      const provider = createVaultProvider(optionsWith({ ca: root.pem, pins: leaf.pin }));
      await documentOf(provider);
      const bytes = vault.applicationBytes;
      vault.use([await root.issue({ hosts: ['127.0.0.1'] })]);
      const error = await providerError(() => documentOf(provider), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.detail).to.equal('pin-mismatch');
      expect(vault.applicationBytes).to.equal(bytes);
      vault.use([leaf]);
      await documentOf(provider);
      expect(vault.resumed).to.equal(0);
      await provider.close?.();
    });
  });
});
