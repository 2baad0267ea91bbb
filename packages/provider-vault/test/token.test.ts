import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startDevVault, type DevVault } from '@pinvault/testing';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';
import { tokenSource } from '#src/token.js';
import { expectMisconfigured, providerError } from './support/errors.js';
import { documentOf, optionsFor } from './support/provider.js';

describe('tokenSource', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-token-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('takes a text, an answer of a function, or that of a promise', async () => {
    expect(await tokenSource('a', {})()).to.equal('a');
    expect(await tokenSource(() => 'b', {})()).to.equal('b');
    expect(await tokenSource(async () => 'c', {})()).to.equal('c');
  });

  it('asks a function each time', async () => {
    const tokens = ['a', 'b'];
    const next = tokenSource(() => tokens.shift() ?? '', {});
    expect([await next(), await next()]).to.deep.equal(['a', 'b']);
  });

  it('prefers code, then the variable, then the file', async () => {
    const file = join(folder, 'token');
    await writeFile(file, 'from-file');
    const env = { BAO_TOKEN: 'bao', VAULT_TOKEN: 'vault', BAO_TOKEN_PATH: file };
    expect(await tokenSource('code', env)()).to.equal('code');
    expect(await tokenSource(undefined, env)()).to.equal('bao');
    expect(await tokenSource(undefined, { ...env, BAO_TOKEN: '' })()).to.equal('vault');
    expect(await tokenSource(undefined, { ...env, BAO_TOKEN: '', VAULT_TOKEN: '' })()).to.equal('from-file');
  });

  it('trims the variable and the file', async () => {
    const file = join(folder, 'token');
    await writeFile(file, '\n from-file \r\n');
    expect(await tokenSource(undefined, { VAULT_TOKEN: ' variable\n' })()).to.equal('variable');
    expect(await tokenSource(undefined, { BAO_TOKEN_PATH: file })()).to.equal('from-file');
  });

  it('reads the file of the command line in the home folder, anew each time', async () => {
    const next = tokenSource(undefined, { HOME: folder });
    await expectMisconfigured(next, 'VAULT_TOKEN', '.vault-token');
    await writeFile(join(folder, '.vault-token'), 'first\n');
    expect(await next()).to.equal('first');
    await writeFile(join(folder, '.vault-token'), 'second\n');
    expect(await next()).to.equal('second');
  });

  it('names what is wrong with a file, and repeats none of it', async () => {
    await writeFile(join(folder, '.vault-token'), 's3cret s3cret');
    const error = await expectMisconfigured(tokenSource(undefined, { HOME: folder }), '~/.vault-token');
    expect(error.message).not.to.contain('s3cret');
    await writeFile(join(folder, '.vault-token'), '\n');
    await expectMisconfigured(tokenSource(undefined, { HOME: folder }), '~/.vault-token');
    for (const path of [join(folder, 'none'), folder]) {
      await expectMisconfigured(tokenSource(undefined, { BAO_TOKEN_PATH: path }), 'BAO_TOKEN_PATH');
    }
  });

  it('refuses what a function hands over and is no token, and repeats none of it', async () => {
    for (const token of ['', 's3cret s3cret', 's3cret\n', undefined, 7, { token: 's3cret' }]) {
      const error = await expectMisconfigured(
        tokenSource(() => token as string, {}),
        'vault.token',
      );
      expect(error.message).not.to.contain('s3cret');
    }
  });

  it('says that a function failed, and nothing of why', async () => {
    const failing = [
      () => {
        throw new Error('s3cret');
      },
      () => Promise.reject(Object.assign(new Error('s3cret'), { config: { headers: 's3cret' } })),
    ];
    for (const token of failing) {
      const error = await providerError(tokenSource(token, {}), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.detail).to.equal('token');
      expect(error.cause).to.equal(undefined);
      expect(error.message).to.contain('vault.token').and.not.to.contain('s3cret');
    }
  });
});

describe('a token that the vault denies', () => {
  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault({ token: 'good' });
    vault.write('tls-pins', { 'api.example.com': 'none' });
  });

  afterEach(async () => {
    await vault.close();
  });

  async function denied(token: NonNullable<VaultProviderOptions['token']>): Promise<void> {
    const provider = createVaultProvider(optionsFor(vault, { token }));
    const error = await providerError(() => documentOf(provider), 'ERR_PROVIDER_DENIED');
    expect(error.message).to.contain('secret/data/tls-pins').and.to.contain('permission denied');
    await provider.close?.();
  }

  it('is asked for once more, and another one is tried once', async () => {
    const tokens = ['old', 'good', 'unused'];
    const provider = createVaultProvider(optionsFor(vault, { token: () => tokens.shift() ?? '' }));
    expect(await documentOf(provider)).to.deep.equal({ 'api.example.com': 'none' });
    expect(tokens).to.deep.equal(['unused']);
    expect(vault.requests).to.equal(2);
  });

  it('is not sent again', async () => {
    let asked = 0;
    await denied(() => {
      asked += 1;
      return 'old';
    });
    expect([asked, vault.requests]).to.deep.equal([2, 1]);
    await denied('old');
    expect(vault.requests).to.equal(2);
  });

  it('is replaced no more than once in one read', async () => {
    let asked = 0;
    await denied(() => `old-${String((asked += 1))}`);
    expect([asked, vault.requests]).to.deep.equal([2, 2]);
  });

  it('is asked for once more only where it was the token that was refused', async () => {
    let asked = 0;
    vault.seal();
    const token = (): string => `old-${String((asked += 1))}`;
    const provider = createVaultProvider(optionsFor(vault, { token }));
    await providerError(() => documentOf(provider), 'ERR_PROVIDER_UNAVAILABLE');
    expect([asked, vault.requests]).to.deep.equal([1, 1]);
  });
});
