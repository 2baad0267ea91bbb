import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createPrivateKey } from 'node:crypto';
import { expect } from 'chai';
import {
  chainPem,
  createRootCa,
  EXTENDED_KEY_USAGES,
  runChild,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';
import { kvAnswer } from '../support/answers.js';
import { expectInvalidOption, expectMisconfigured, providerError } from '../support/errors.js';
import { documentOf, readOnce } from '../support/provider.js';

const service = { subject: 'service', extendedKeyUsages: [EXTENDED_KEY_USAGES.clientAuth] };

describe('a client certificate', () => {
  let root: TestCertificate;
  let clientCa: TestCertificate;
  let client: TestCertificate;
  let vault: TestTlsServer;
  let folder: string;

  before(async () => {
    root = await createRootCa({ subject: 'Vault CA' });
    clientCa = await createRootCa({ subject: 'Client CA' });
    client = await clientCa.issue(service);
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-client-certificate-'));
    vault = await startVault();
  });

  afterEach(async () => {
    await vault.close();
    await rm(folder, { recursive: true });
  });

  async function startVault(maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3'): Promise<TestTlsServer> {
    return startTlsServer({
      chain: [await root.issue({ hosts: ['127.0.0.1'] })],
      requestCert: true,
      ca: [clientCa],
      maxVersion,
      respond: (_request, response) =>
        response.setHeader('Content-Type', 'application/json').end(JSON.stringify(kvAnswer({ a: 'none' }))),
    });
  }

  const optionsWith = (options: Partial<VaultProviderOptions>): VaultProviderOptions => ({
    address: vault.origin,
    path: 'secret/tls-pins',
    kvVersion: 2,
    token: 't',
    env: {},
    ca: root.pem,
    ...options,
  });
  const create = (options: Partial<VaultProviderOptions>) => createVaultProvider(optionsWith(options));
  const keyOf = (certificate: TestCertificate): string => certificate.key.privateKeyPem;

  async function write(name: string, text: string): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  }

  it('opens a vault that wants one: as PEM, from files, from variables', async () => {
    const [cert, key] = [client.pem, keyOf(client)];
    const certFile = await write('client.pem', cert);
    const keyFile = await write('client.key', key);
    for (const options of [
      { cert, key },
      { cert: Buffer.from(cert), key: Buffer.from(key) },
      { certFile, keyFile },
      { cert, keyFile },
      { env: { VAULT_CLIENT_CERT: certFile, VAULT_CLIENT_KEY: keyFile } },
      { env: { BAO_CLIENT_CERT: certFile, VAULT_CLIENT_CERT: '/nonexistent', BAO_CLIENT_KEY: keyFile } },
    ])
      expect(await readOnce(optionsWith(options))).to.deep.include({ document: { a: 'none' } });
    expect(vault.requests).to.equal(6);
  });

  it('brings its intermediates along', async () => {
    const intermediate = await clientCa.issue({ subject: 'Client CA 2', ca: true });
    const leaf = await intermediate.issue(service);
    const options = { cert: chainPem(leaf, intermediate), key: keyOf(leaf) };
    expect(await readOnce(optionsWith(options))).to.deep.include({ document: { a: 'none' } });
  });

  it('works beside pins of the vault, which are still enforced', async () => {
    const pair = { cert: client.pem, key: keyOf(client) };
    await readOnce(optionsWith({ ...pair, pins: `ca:${root.pin}` }));
    const before = vault.applicationBytes;
    const wrong = optionsWith({ ...pair, pins: client.pin });
    const error = await providerError(() => readOnce(wrong), 'ERR_PROVIDER_UNAVAILABLE');
    expect([error.detail, vault.applicationBytes]).to.deep.equal(['pin-mismatch', before]);
  });

  it('is asked for by name where a vault wants one and there is none', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const strict = await startVault(maxVersion);
      try {
        const options = optionsWith({ address: strict.origin });
        const error = await providerError(() => readOnce(options), 'ERR_PROVIDER_UNAVAILABLE');
        expect(error.message).to.contain('VAULT_CLIENT_CERT');
        expect(strict.requests).to.equal(0);
      } finally {
        await strict.close();
      }
    }
  });

  it('of a CA that the vault does not know opens nothing', async () => {
    const stranger = await (await createRootCa()).issue(service);
    const options = optionsWith({ cert: stranger.pem, key: keyOf(stranger) });
    await providerError(() => readOnce(options), 'ERR_PROVIDER_UNAVAILABLE');
    expect(vault.requests).to.equal(0);
  });

  it('that is rotated on disk is shown from the next read on; half of a rotation changes nothing', async () => {
    const certFile = await write('client.pem', client.pem);
    const keyFile = await write('client.key', keyOf(client));
    const stranger = await (await createRootCa()).issue(service);
    const provider = create({ certFile, keyFile });
    try {
      await documentOf(provider);
      await write('client.pem', stranger.pem);
      await documentOf(provider);
      await write('client.key', keyOf(stranger));
      await providerError(() => documentOf(provider), 'ERR_PROVIDER_UNAVAILABLE');
      const next = await clientCa.issue(service);
      await write('client.pem', next.pem);
      await write('client.key', keyOf(next));
      await documentOf(provider);
    } finally {
      await provider.close?.();
    }
  });

  it('without its key, or a key without its certificate, is refused by name', async () => {
    const [cert, key] = [client.pem, keyOf(client)];
    const file = await write('client.pem', cert);
    await expectInvalidOption(() => create({ cert }), 'vault.cert');
    await expectInvalidOption(() => create({ key }), 'vault.key');
    await expectMisconfigured(() => create({ certFile: file }), 'vault.certFile');
    await expectMisconfigured(() => create({ env: { VAULT_CLIENT_CERT: file } }), 'VAULT_CLIENT_CERT');
    await expectMisconfigured(() => create({ env: { BAO_CLIENT_KEY: file } }), 'BAO_CLIENT_KEY');
  });

  it('that cannot be used is refused by name, and its key is in no error', async () => {
    const other = await clientCa.issue(service);
    const [cert, key] = [client.pem, keyOf(client)];
    const encrypted = createPrivateKey(key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 's3cret',
    });
    const errors = [
      await expectInvalidOption(() => create({ cert, key: keyOf(other) }), 'vault.key'),
      await expectInvalidOption(() => create({ cert: key, key }), 'vault.cert'),
      await expectInvalidOption(() => create({ cert, key: cert }), 'vault.key'),
      await expectInvalidOption(() => create({ cert, key: encrypted }), 'vault.key'),
      await expectInvalidOption(() => create({ cert, key: 7 as never }), 'vault.key'),
      await expectInvalidOption(() => create({ cert, key, keyFile: '/x' }), 'vault.keyFile'),
      await expectMisconfigured(() => create({ cert, keyFile: '/nonexistent' }), 'vault.keyFile', 'ENOENT'),
    ];
    const line = key.split('\n')[1] ?? expect.fail('no key');
    for (const error of errors) expect(inspect(error, { depth: Infinity })).not.to.contain(line);
  });

  it('has a key that no debug output shows', async function () {
    this.timeout(20_000);
    const keyFile = await write('client.key', keyOf(client));
    const source = `
      import { createVaultProvider } from '@pinvault/provider-vault';
      const provider = createVaultProvider({ path: 'secret/tls-pins' });
      const hold = setTimeout(() => undefined, 20_000);
      console.log((await provider.read({ signal: new AbortController().signal })).revision, provider);
      clearTimeout(hold);
    `;
    const { code, output } = await runChild(new URL('.', import.meta.url), source, {
      NODE_DEBUG: '*',
      VAULT_ADDR: vault.origin,
      VAULT_TOKEN: 't',
      VAULT_CACERT: await write('ca.pem', root.pem),
      VAULT_CLIENT_CERT: await write('client.pem', client.pem),
      VAULT_CLIENT_KEY: keyFile,
    });
    expect(code, output.slice(-2_000)).to.equal(0);
    expect(output).to.contain('HTTPS');
    for (const line of keyOf(client).split('\n').slice(1, -2)) expect(output).not.to.contain(line);
  });
});
