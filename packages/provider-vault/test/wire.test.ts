import type { IncomingHttpHeaders } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startDevVault, type DevVault } from '@pinvault/testing';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';
import { documentOf, optionsFor, readOnce } from './support/provider.js';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

describe('what goes over the wire', () => {
  let vault: DevVault;
  let seen: Seen[];

  beforeEach(async () => {
    vault = await startDevVault();
    vault.write('tls-pins', { a: 'none' });
    seen = [];
    vault.respondWith(({ method, url, headers }) => {
      seen.push({ method, url, headers });
      return false;
    });
  });

  afterEach(async () => {
    await vault.close();
  });

  const last = (): Seen => seen.at(-1) ?? expect.fail('nothing was sent');

  /** Reads whatever comes of it: here only the question counts. */
  async function ask(options: Partial<VaultProviderOptions>): Promise<Seen> {
    await readOnce(optionsFor(vault, options)).catch(() => undefined);
    return last();
  }

  /** Runs with variables in the real environment of the process. */
  async function withVariables(variables: Record<string, string>, run: () => Promise<void>): Promise<void> {
    const before = { ...process.env };
    Object.assign(process.env, variables);
    try {
      await run();
    } finally {
      for (const name of Object.keys(variables)) {
        const old = before[name];
        if (old === undefined) delete process.env[name];
        else process.env[name] = old;
      }
    }
  }

  it('is one GET with the token and the header that listeners ask for, and no more', async () => {
    await readOnce(optionsFor(vault));
    expect(seen).to.have.length(1);
    expect(last()).to.deep.include({ method: 'GET', url: '/v1/secret/data/tls-pins' });
    expect(last().headers).to.deep.equal({
      'x-vault-token': 'dev-token',
      'x-vault-request': 'true',
      accept: 'application/json',
      host: new URL(vault.address).host,
      connection: 'close',
    });
  });

  it('has the namespace where there is one', async () => {
    expect((await ask({ namespace: 'team/a' })).headers).to.include({ 'x-vault-namespace': 'team/a' });
    expect((await ask({ env: { VAULT_NAMESPACE: 'team/b' } })).headers).to.include({
      'x-vault-namespace': 'team/b',
    });
    expect((await ask({})).headers).not.to.have.property('x-vault-namespace');
  });

  it('has each segment of the path encoded', async () => {
    for (const [path, url] of [
      ['secret/a b', '/v1/secret/data/a%20b'],
      ["secret/it's(1)!*~", "/v1/secret/data/it's(1)!*~"],
      ['secret/a&x2F;b', '/v1/secret/data/a%26x2F%3Bb'],
      ['secret/ä/ö', '/v1/secret/data/%C3%A4/%C3%B6'],
      ['secret/a:b@c+d=e,f;g|h^i`"<>', '/v1/secret/data/a%3Ab%40c%2Bd%3De%2Cf%3Bg%7Ch%5Ei%60%22%3C%3E'],
      ['secret/...', '/v1/secret/data/...'],
      ['secret/sys/health', '/v1/secret/data/sys/health'],
    ] as const)
      expect((await ask({ path })).url, path).to.equal(url);
  });

  it('keeps a folder in front of the API', async () => {
    expect((await ask({ address: `${vault.address}/proxy/` })).url).to.equal(
      '/proxy/v1/secret/data/tls-pins',
    );
  });

  it('has nothing of the environment of the process where options are given', async () => {
    const variables = {
      VAULT_ADDR: 'http://127.0.0.1:9',
      VAULT_TOKEN: 'stray-token',
      VAULT_NAMESPACE: 'stray-namespace',
      VAULT_PREFIX: '/stray-prefix',
      VAULT_SKIP_VERIFY: '1',
      HTTP_PROXY: 'http://127.0.0.1:9',
      http_proxy: 'http://127.0.0.1:9',
      NODE_USE_ENV_PROXY: '1',
    };
    await withVariables(variables, async () => {
      await readOnce(optionsFor(vault));
      expect(last().url).to.equal('/v1/secret/data/tls-pins');
      expect(last().headers['x-vault-token']).to.equal('dev-token');
      expect(JSON.stringify(last())).not.to.contain('stray');
      await readOnce({
        path: 'secret/tls-pins',
        env: { VAULT_ADDR: vault.address, VAULT_TOKEN: 'dev-token' },
      });
      expect(JSON.stringify(last())).not.to.contain('stray');
    });
  });

  it('comes from the environment of the process where nothing is given', async () => {
    const variables = { VAULT_ADDR: vault.address, VAULT_TOKEN: 'dev-token', VAULT_PREFIX: '/stray-prefix' };
    await withVariables(variables, async () => {
      const result = await readOnce({ path: 'secret/tls-pins' });
      expect(result).to.deep.include({ document: { a: 'none' } });
      expect(last().url).to.equal('/v1/secret/data/tls-pins');
    });
  });

  it('keeps two providers with two tokens apart, also while both read', async () => {
    const other = await startDevVault({ token: 'other-token' });
    other.write('tls-pins', { b: 'none' });
    const [first, second] = [createVaultProvider(optionsFor(vault)), createVaultProvider(optionsFor(other))];
    try {
      for (let round = 0; round < 5; round += 1) {
        const documents = await Promise.all([first, second, first, second].map(documentOf));
        expect(documents).to.deep.equal([{ a: 'none' }, { b: 'none' }, { a: 'none' }, { b: 'none' }]);
      }
      expect(new Set(seen.map(({ headers }) => headers['x-vault-token']))).to.deep.equal(
        new Set(['dev-token']),
      );
    } finally {
      await Promise.all([first.close?.(), second.close?.(), other.close()]);
    }
  });

  it('has the token that is good now', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-wire-'));
    const file = join(folder, 'token');
    const provider = createVaultProvider({
      path: 'secret/tls-pins',
      env: { VAULT_ADDR: vault.address, BAO_TOKEN_PATH: file },
    });
    try {
      for (const token of ['first', 'second', 'dev-token']) {
        await writeFile(file, `${token}\n`);
        await documentOf(provider).catch(() => undefined);
        expect(last().headers['x-vault-token']).to.equal(token);
      }
      expect(await documentOf(provider)).to.deep.equal({ a: 'none' });
    } finally {
      await provider.close?.();
      await rm(folder, { recursive: true });
    }
  });
});
