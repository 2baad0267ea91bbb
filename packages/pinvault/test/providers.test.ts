import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  createMemoryProvider,
  type DevVault,
  startDevVault,
  VirtualClock,
  warningsDuring,
} from '@pinvault/testing';
import type { CreatePinResolverOptions, Environment } from '#src/index.js';
import { documentError, expectInvalidOption, providerError } from './support/errors.js';
import { document, otherDocument, otherPin, pin, pinsOf, Resolvers, rows } from './support/resolvers.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('where the pins come from', () => {
  const resolvers = new Resolvers();
  let folder: string;
  let file: string;
  let vault: DevVault;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-front-door-'));
    file = join(folder, 'pins.json');
    await writeFile(file, document);
    vault = await startDevVault();
    vault.write('tls-pins', rows);
  });

  afterEach(async () => {
    await resolvers.close();
  });

  after(async () => {
    await vault.close();
    await rm(folder, { recursive: true, force: true });
  });

  const vaultEnv = (): Environment => ({
    PINVAULT_PROVIDER: 'vault',
    PINVAULT_VAULT_PATH: 'secret/tls-pins',
    VAULT_ADDR: vault.address,
    VAULT_TOKEN: vault.token,
  });

  async function comesFrom(
    provider: string,
    environment: Environment,
    options: CreatePinResolverOptions = {},
  ): Promise<void> {
    const resolver = await resolvers.start(options, environment);
    expect(resolver.status()).to.include({ provider, source: 'provider', state: 'fresh', mode: 'enforce' });
    expect(pinsOf(resolver)).to.deep.equal([pin]);
    await resolvers.close();
  }

  const refused = (
    named: readonly string[],
    environment: Environment,
    options: CreatePinResolverOptions = {},
  ) => expectInvalidOption(resolvers.start(options, environment), ...named);

  it('says nothing to the process either where warnings is false, unless told otherwise', async () => {
    const clock = new VirtualClock(Date.now());
    for (const [options, count] of [
      [{ warnings: true }, 1],
      [{ warnings: false }, 0],
      [{ warnings: false, vault: { warnings: true } }, 1],
    ] as const) {
      const warnings = await warningsDuring(async () => {
        await resolvers.start({ ...options, clock, vault: { ...options.vault, clock } }, vaultEnv());
        let answer = (): void => undefined;
        const answered = new Promise<void>((resolve) => (answer = resolve));
        // One that is used up by reading is worth a warning.
        vault.respondWith((request, response) => {
          if (request.url !== '/v1/auth/token/lookup-self') return false;
          response
            .once('close', answer)
            .writeHead(200, { 'Content-Type': 'application/json' })
            .end('{"data":{"ttl":0,"num_uses":5}}');
          return true;
        });
        await clock.advance(6_000);
        await answered;
        for (let turn = 0; turn < 25; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
      });
      vault.respondWith(undefined);
      expect(warnings).to.have.length(count);
      await resolvers.close();
    }
  });

  describe('in the environment', () => {
    it('the document itself selects env, inline or as base64', async () => {
      await comesFrom('env', { PINVAULT_PINS: document });
      await comesFrom('env', { PINVAULT_PINS_B64: base64(document) });
      await comesFrom('env', { PINVAULT_PINS: '', PINVAULT_PINS_B64: `${base64(document)}\n` });
    });

    it('a path selects file', async () => {
      await comesFrom('file', { PINVAULT_PINS_FILE: file });
    });

    it('PINVAULT_PROVIDER names a store', async () => {
      await comesFrom('env', { PINVAULT_PROVIDER: 'env', PINVAULT_PINS: document });
      await comesFrom('file', { PINVAULT_PROVIDER: 'file', PINVAULT_PINS_FILE: file });
      await comesFrom('vault', vaultEnv());
      await comesFrom('vault', { ...vaultEnv(), PINVAULT_PROVIDER: ' vault\n' });
    });

    it('PINVAULT_PROVIDER=azure reads vault and secret from the environment, unless code names them', async () => {
      const client = {
        vaultUrl: 'https://pins.vault.azure.net',
        getSecret: async (name: string) => ({ value: document, properties: { version: name } }),
      };
      const fromEnvironment = { PINVAULT_PROVIDER: 'azure', PINVAULT_AZURE_SECRET_NAME: 'tls-pins' };
      const resolver = await resolvers.start({ azure: { client } }, fromEnvironment);
      expect(resolver.status()).to.include({ provider: 'azure', revision: 'tls-pins' });
      const code = { azure: { client, secretName: 'other' } };
      expect((await resolvers.start(code, fromEnvironment)).status().revision).to.equal('other');
      const missing = resolvers.start({ azure: {} }, { PINVAULT_PROVIDER: 'azure' });
      const error = await providerError(missing, 'ERR_PROVIDER_MISCONFIGURED');
      expect(error.message).to.contain('PINVAULT_AZURE_VAULT_URL');
      await refused(['PINVAULT_PINS', 'azure'], { PINVAULT_PROVIDER: 'azure', PINVAULT_PINS: document });
    });

    it('an empty variable counts as unset', async () => {
      await comesFrom('env', {
        PINVAULT_PINS: document,
        PINVAULT_PROVIDER: '',
        PINVAULT_PINS_B64: '',
        PINVAULT_PINS_FILE: ' ',
        PINVAULT_FALLBACK_PINS: '',
      });
    });

    it('nothing at all is told with the ways to mend it', async () => {
      await refused(['PINVAULT_PROVIDER', 'PINVAULT_PINS', "provider: 'vault'"], {});
      await refused(['PINVAULT_PROVIDER'], { PINVAULT_FALLBACK_PINS: document });
    });

    it('a name that is unknown is told', async () => {
      for (const name of ['Vault', 'hashicorp', 'none', '__proto__'])
        await refused(['PINVAULT_PROVIDER', 'vault, aws, azure, file, env'], { PINVAULT_PROVIDER: name });
    });

    it('two documents are told, both by name', async () => {
      const [inline, encoded] = [document, base64(document)];
      await refused(['beside PINVAULT_PINS:', 'PINVAULT_PINS_B64'], {
        PINVAULT_PINS: inline,
        PINVAULT_PINS_B64: encoded,
      });
      await refused(['PINVAULT_PINS', 'PINVAULT_PINS_FILE'], {
        PINVAULT_PINS: inline,
        PINVAULT_PINS_FILE: file,
      });
      await refused(['PINVAULT_PINS_B64', 'PINVAULT_PINS_FILE'], {
        PINVAULT_PINS_B64: encoded,
        PINVAULT_PINS_FILE: file,
      });
      await refused(['PINVAULT_PINS_B64'], {
        PINVAULT_PROVIDER: 'env',
        PINVAULT_PINS: inline,
        PINVAULT_PINS_B64: encoded,
      });
    });

    const values = { PINVAULT_PINS: document, PINVAULT_PINS_B64: base64(document), PINVAULT_PINS_FILE: '/x' };
    for (const [variable, value] of Object.entries(values)) {
      it(`${variable} beside another provider is told`, async () => {
        await refused([variable, 'vault', 'PINVAULT_FALLBACK_PINS'], { ...vaultEnv(), [variable]: value });
        const other = variable === 'PINVAULT_PINS_FILE' ? 'env' : 'file';
        await refused([variable, other], { PINVAULT_PROVIDER: other, [variable]: value });
        await refused([variable], { [variable]: value }, { provider: createMemoryProvider(rows) });
        await refused(
          [variable],
          { ...vaultEnv(), PINVAULT_PROVIDER: '', [variable]: value },
          { provider: 'vault' },
        );
      });
    }

    it('a document that is missing is told by its variable', async () => {
      await refused(['PINVAULT_PINS'], { PINVAULT_PROVIDER: 'env' });
      await refused(['PINVAULT_PINS_FILE'], { PINVAULT_PROVIDER: 'file' });
      await refused(['PINVAULT_VAULT_PATH'], { ...vaultEnv(), PINVAULT_VAULT_PATH: '' });
    });

    it('a bad path of the secret is told by its variable', async () => {
      for (const path of ['tls-pins', 'secret/../x', 'secret/data/tls-pins', 'secret/{Host}'])
        await refused(['PINVAULT_VAULT_PATH'], { ...vaultEnv(), PINVAULT_VAULT_PATH: path });
    });

    it('what is wrong with the vault’s own variables is told by their names', async () => {
      for (const [name, value] of [
        ['VAULT_ADDR', ''],
        ['VAULT_ADDR', 'nonsense'],
        ['VAULT_TOKEN', 'a b'],
        ['VAULT_SKIP_VERIFY', 'yes'],
      ] as const) {
        const started = resolvers.start({}, { ...vaultEnv(), [name]: value });
        const error = await providerError(started, 'ERR_PROVIDER_MISCONFIGURED');
        expect(error.message).to.contain(name);
      }
    });

    it('what is wrong with the document is told with its place', async () => {
      const broken = resolvers.start({}, { PINVAULT_PINS: '{' });
      expect((await documentError(broken, 'ERR_DOCUMENT_MALFORMED')).message).to.contain('PINVAULT_PINS');
      const encoded = resolvers.start({}, { PINVAULT_PINS_B64: '%%%' });
      expect((await documentError(encoded, 'ERR_DOCUMENT_MALFORMED')).message).to.contain(
        'PINVAULT_PINS_B64',
      );
      const missing = resolvers.start({}, { PINVAULT_PINS_FILE: join(folder, 'none.json') });
      expect((await providerError(missing, 'ERR_PROVIDER_NOT_FOUND')).message).to.contain('none.json');
    });
  });

  describe('in code', () => {
    it('beats the environment', async () => {
      await writeFile(join(folder, 'other.json'), otherDocument);
      const other = { PINVAULT_PINS_FILE: join(folder, 'other.json') };
      await comesFrom('file', other, { provider: 'file', file: { path: file } });
      await comesFrom('file', { PINVAULT_PROVIDER: 'aws' }, { provider: 'file', file: { path: file } });
      await comesFrom('env', { PINVAULT_PROVIDER: 'vault', PINVAULT_PINS: document }, { provider: 'env' });
      vault.write('other', { 'api.example.com': otherPin });
      const wrong = { ...vaultEnv(), PINVAULT_VAULT_PATH: 'secret/other', VAULT_TOKEN: 'wrong' };
      await comesFrom('vault', wrong, { vault: { path: 'secret/tls-pins', token: vault.token } });
    });

    it('does not hide the environment where an option is undefined', async () => {
      const nothing = {
        provider: undefined,
        vault: undefined,
        file: undefined,
        env: undefined,
        fallback: undefined,
      };
      await comesFrom('vault', vaultEnv(), nothing);
      await comesFrom('vault', vaultEnv(), {
        vault: { path: undefined, address: undefined, token: undefined },
      });
    });

    it('may name another variable for env', async () => {
      await comesFrom('env', { MY_PINS: document }, { provider: 'env', env: { variable: 'MY_PINS' } });
      await comesFrom(
        'env',
        { MY_PINS_B64: base64(document) },
        { provider: 'env', env: { variable: 'MY_PINS' } },
      );
      await refused(['MY_PINS'], {}, { provider: 'env', env: { variable: 'MY_PINS' } });
    });

    it('may be a provider of one’s own', async () => {
      const provider = createMemoryProvider(rows);
      await comesFrom('memory', {}, { provider });
      expect(provider.isClosed).to.equal(true);
    });

    it('refuses what is no provider', async () => {
      for (const provider of [null, {}, { name: 'x' }, 7, () => undefined])
        await refused(['provider'], {}, { provider: provider as never });
      for (const provider of ['consul', '']) await refused(['provider'], {}, { provider: provider as never });
    });

    it('refuses options of a provider that it does not know', async () => {
      await refused(['vault.adress'], vaultEnv(), { vault: { adress: 'x' } as never });
      await refused(['aws.secretID'], {}, { provider: 'aws', aws: { secretID: 'x' } as never });
      await refused(['azure.vaultURL'], {}, { provider: 'azure', azure: { vaultURL: 'x' } as never });
      await refused(['file.pth'], {}, { provider: 'file', file: { pth: file } as never });
      await refused(['env.variabel'], { PINVAULT_PINS: document }, { env: { variabel: 'X' } as never });
    });

    it('lets a file be as large as maxDocumentBytes says', async () => {
      const large = join(folder, 'large.json');
      await writeFile(large, JSON.stringify({ ...rows, $note: 'x'.repeat(1_100_000) }));
      const options = { provider: 'file', file: { path: large } } as const;
      await documentError(resolvers.start(options), 'ERR_DOCUMENT_TOO_LARGE');
      await comesFrom('file', {}, { ...options, maxDocumentBytes: 2_000_000 });
    });
  });
});
