import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRootCa, type TestCertificate, type TestTlsServer } from '@pinvault/testing';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';
import { expectMisconfigured, providerError } from '../support/errors.js';
import { documentOf, optionsFor, readOnce } from '../support/provider.js';
import { document, startTlsVault } from '../support/tls-vault.js';

describe('the CAs of a vault', () => {
  let root: TestCertificate;
  let other: TestCertificate;
  let vault: TestTlsServer;
  let folder: string;

  before(async () => {
    root = await createRootCa({ subject: 'Vault CA' });
    other = await createRootCa({ subject: 'other CA' });
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-ca-'));
    vault = await startTlsVault(await root.issue({ hosts: ['127.0.0.1'] }));
  });

  afterEach(async () => {
    await vault.close();
    await rm(folder, { recursive: true });
  });

  const optionsWith = (options: Partial<VaultProviderOptions>): VaultProviderOptions =>
    optionsFor({ address: vault.origin, token: 't' }, options);

  async function write(name: string, text: string): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  }

  async function isTrusted(options: Partial<VaultProviderOptions>): Promise<void> {
    expect(await readOnce(optionsWith(options))).to.deep.include({ document });
  }

  async function isNotTrusted(options: Partial<VaultProviderOptions>): Promise<void> {
    const before = vault.applicationBytes;
    const error = await providerError(() => readOnce(optionsWith(options)), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(vault.applicationBytes).to.equal(before);
  }

  it('stand in a file, in a folder with folders, or in a variable', async () => {
    const file = await write('ca.pem', root.pem);
    await mkdir(join(folder, 'cas', 'deep'), { recursive: true });
    await write('cas/a.pem', other.pem);
    await write('cas/deep/b.pem', root.pem);
    const path = join(folder, 'cas');
    for (const options of [
      { caFile: file },
      { caPath: path },
      { env: { VAULT_CAPATH: path } },
      { env: { VAULT_CACERT_BYTES: root.pem } },
      { env: { BAO_CACERT_BYTES: `\n${root.pem}\n` } },
    ])
      await isTrusted(options);
  });

  it('may be mounted as Kubernetes does: links, beside one to their folder', async () => {
    await mkdir(join(folder, '..2026_11_24'));
    await write('..2026_11_24/ca.pem', root.pem);
    await symlink('..2026_11_24', join(folder, '..data'));
    await symlink('..data/ca.pem', join(folder, 'ca.pem'));
    await isTrusted({ caPath: folder });
  });

  it('are those of the first variable that is set: file, bytes, folder', async () => {
    const wrong = await write('other.pem', other.pem);
    const right = await write('ca.pem', root.pem);
    await isNotTrusted({ env: { VAULT_CACERT: wrong, VAULT_CACERT_BYTES: root.pem } });
    await isTrusted({ env: { VAULT_CACERT: right, VAULT_CACERT_BYTES: other.pem } });
    await mkdir(join(folder, 'cas'));
    await write('cas/ca.pem', root.pem);
    const path = join(folder, 'cas');
    await isNotTrusted({ env: { VAULT_CACERT_BYTES: other.pem, VAULT_CAPATH: path } });
  });

  it('of code go before those of the environment, and stand in place of them', async () => {
    await isNotTrusted({ ca: other.pem, env: { VAULT_CACERT_BYTES: root.pem } });
  });

  it('are read anew: a CA that is exchanged on disk counts from the next read on, a broken file does not', async () => {
    const caFile = await write('ca.pem', other.pem);
    const provider = createVaultProvider(optionsWith({ caFile }));
    try {
      await providerError(() => documentOf(provider), 'ERR_PROVIDER_UNAVAILABLE');
      await write('ca.pem', root.pem);
      expect(await documentOf(provider)).to.deep.equal(document);
      await write('ca.pem', 'half of a');
      expect(await documentOf(provider)).to.deep.equal(document);
      await write('ca.pem', other.pem);
      await providerError(() => documentOf(provider), 'ERR_PROVIDER_UNAVAILABLE');
    } finally {
      await provider.close?.();
    }
  });

  it('are refused by name where there is no certificate', async () => {
    await mkdir(join(folder, 'empty'));
    await mkdir(join(folder, 'odd'));
    await write('odd/ca.pem', root.pem);
    await write('odd/README', 'no certificate');
    for (const [name, value] of [
      ['VAULT_CACERT_BYTES', '/etc/ssl/ca.pem'],
      ['VAULT_CAPATH', join(folder, 'empty')],
      ['VAULT_CAPATH', join(folder, 'odd')],
      ['BAO_CAPATH', join(folder, 'nowhere')],
    ] as const)
      await expectMisconfigured(() => createVaultProvider(optionsWith({ env: { [name]: value } })), name);
    for (const [name, options] of [
      ['vault.caFile', { caFile: '/nonexistent' }],
      ['vault.caPath', { caPath: join(folder, 'empty') }],
    ] as const)
      await expectMisconfigured(() => createVaultProvider(optionsWith(options)), name);
  });
});
