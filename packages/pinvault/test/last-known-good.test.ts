import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Environment } from '#src/index.js';
import { expectInvalidOption, providerError } from './support/errors.js';
import { document, host, Resolvers } from './support/resolvers.js';

const key = 'k'.repeat(44);

describe('lastKnownGood', () => {
  const resolvers = new Resolvers();
  let folder: string;
  let env: Environment;
  const pinsFile = (): string => join(folder, 'pins.json');
  const copies = (): string => join(folder, 'copies');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-copies-'));
    await writeFile(pinsFile(), document);
    env = { PINVAULT_PINS_FILE: pinsFile(), PINVAULT_LAST_KNOWN_GOOD: copies() };
  });

  afterEach(async () => {
    await resolvers.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps nothing where neither code nor environment names a directory', async () => {
    const resolver = await resolvers.start({}, { PINVAULT_PINS: document });
    expect(resolver.status()).not.to.have.property('lastKnownGood');
  });

  it('keeps pins in the directory of the environment, and starts on them when the provider has lost its own', async () => {
    await resolvers.start({}, env);
    await resolvers.close();
    await rm(pinsFile());
    const resolver = await resolvers.start({}, env);
    expect(resolver.status()).to.include({ source: 'last-known-good', state: 'stale', provider: 'file' });
    expect(resolver.lookup(host).rule).to.equal('pins');
    expect(resolver.status().lastKnownGood?.path).to.equal(
      join(copies(), (await readdir(copies()))[0] ?? ''),
    );
  });

  it('seals with the key of the environment, also where code names the directory', async () => {
    const { PINVAULT_LAST_KNOWN_GOOD: directory = '', ...others } = env;
    const keyed = { ...others, PINVAULT_LAST_KNOWN_GOOD_KEY: key };
    await resolvers.start({ lastKnownGood: { directory } }, keyed);
    await resolvers.close();
    await rm(pinsFile());
    const { PINVAULT_LAST_KNOWN_GOOD_KEY: _key, ...keyless } = keyed;
    const other = { ...keyless, PINVAULT_LAST_KNOWN_GOOD_KEY: 'l'.repeat(44) };
    await providerError(resolvers.start({ lastKnownGood: { directory } }, other), 'ERR_PROVIDER_NOT_FOUND');
    const resolver = await resolvers.start({ lastKnownGood: { directory, key } }, other);
    expect(resolver.status().source).to.equal('last-known-good');
  });

  it('takes the directory from code before that of the environment', async () => {
    const directory = join(folder, 'from-code');
    const resolver = await resolvers.start({ lastKnownGood: { directory } }, env);
    expect(resolver.status().lastKnownGood?.path).to.contain('from-code');
  });

  it('refuses, by name, what cannot be meant', async () => {
    await expectInvalidOption(
      resolvers.start({}, { PINVAULT_PINS: document, PINVAULT_LAST_KNOWN_GOOD_KEY: key }),
      'PINVAULT_LAST_KNOWN_GOOD_KEY',
    );
    await expectInvalidOption(
      resolvers.start({}, { ...env, PINVAULT_LAST_KNOWN_GOOD_KEY: 'short' }),
      'PINVAULT_LAST_KNOWN_GOOD_KEY',
      '32',
    );
    const noDirectory = { PINVAULT_PINS: document };
    await expectInvalidOption(resolvers.start({ lastKnownGood: {} }, noDirectory), 'lastKnownGood.directory');
    for (const [option, name] of [
      ['/var/lib', 'lastKnownGood'],
      [null, 'lastKnownGood'],
      [{ directory: '' }, 'lastKnownGood.directory'],
      [{ directory: 7 }, 'lastKnownGood.directory'],
      [{ directory: 'a\0b' }, 'lastKnownGood.directory'],
      [{ directory: '/tmp', key: 'short' }, 'lastKnownGood.key'],
      [{ directory: '/tmp', key: 7 }, 'lastKnownGood.key'],
      [{ directory: '/tmp', path: '/tmp' }, 'lastKnownGood.path'],
    ] as const)
      await expectInvalidOption(resolvers.start({ lastKnownGood: option as never }, noDirectory), name);
  });

  it('refuses a directory in which others may write, and never tells the key', async function () {
    if (process.platform === 'win32') return this.skip(); // Windows has no modes
    await mkdir(copies());
    await chmod(copies(), 0o777);
    const keyed = { ...env, PINVAULT_LAST_KNOWN_GOOD_KEY: key };
    const error = await expectInvalidOption(
      resolvers.start({}, keyed),
      'PINVAULT_LAST_KNOWN_GOOD',
      copies(),
      '777',
    );
    expect(error.message).not.to.contain(key);
  });
});
