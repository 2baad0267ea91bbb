import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  PinDocumentError,
  PinMismatchError,
  PinProviderError,
  type PinProviderErrorCode,
  PinResolverError,
} from '#src/errors.js';
import type { ResolverOptions } from '#src/resolver/options.js';
import { checked, expectInvalidOption, rejectionOf } from '../support/errors.js';
import { host, lonePeer, peerCertificate, pinOf, testTime } from '../support/chains.js';
import { FakeClock } from '../support/fake-clock.js';
import { folderOfEachTest, until } from '../support/folder.js';
import { TestProvider } from '../support/providers.js';
import { onlyEvent, type Started, startResolver, typesOf } from '../support/resolvers.js';
import { warningsDuring } from '../support/warnings.js';

const lone = pinOf('lone');
const document = { [host]: lone };
const day = 86_400_000;

const running: Started[] = [];

async function start(...parameters: Parameters<typeof startResolver>): Promise<Started> {
  const started = await startResolver(...parameters);
  running.push(started);
  return started;
}

/** What still writes must not write into the folder of the next test. */
async function closeAll(): Promise<void> {
  await Promise.all(running.splice(0).map(({ resolver }) => resolver.close()));
}

describe('the last known good pins', () => {
  afterEach(closeAll);
  const folder = folderOfEachTest();
  const directory = (): string => join(folder.path, 'copies');
  const options = (more: ResolverOptions = {}): ResolverOptions => ({
    lastKnownGood: { directory: directory() },
    ...more,
  });

  function failing(code: PinProviderErrorCode, name?: string): TestProvider {
    const provider = new TestProvider(document, name);
    provider.answer(new PinProviderError(code, 'no', { provider: 'memory' }));
    return provider;
  }

  /** A process that reads these documents one after the other, and ends. */
  async function leave(documents: readonly object[], more: ResolverOptions = {}): Promise<void> {
    const [first = document, ...rest] = documents;
    const { resolver, provider } = await start(first, options(more));
    for (const next of rest) {
      provider.publish(next);
      await resolver.refresh();
    }
    await resolver.close();
  }

  /** A start at another time; the retries of an outage pass while it waits. */
  async function restart(
    provider: TestProvider | object,
    more: ResolverOptions = {},
    now = testTime + 1_000,
  ): Promise<Started> {
    const clock = new FakeClock(now);
    const store = provider instanceof TestProvider ? provider : new TestProvider(provider);
    const starting = start(store, options(more), clock);
    let isDone = false;
    const done = (): void => void (isDone = true);
    starting.then(done, done);
    await until(async () => {
      // The disk has its own time, the retries of an outage ours.
      if (store.reads > 0 && clock.keepingAlive > 0) await clock.advance(100);
      return isDone;
    });
    return starting;
  }

  async function copies(): Promise<string[]> {
    return (await readdir(directory())).map((name) => join(directory(), name));
  }

  for (const code of [
    'ERR_PROVIDER_UNAVAILABLE',
    'ERR_PROVIDER_TIMEOUT',
    'ERR_PROVIDER_THROTTLED',
    'ERR_PROVIDER_DENIED',
    'ERR_PROVIDER_NOT_FOUND',
  ] as const) {
    it(`serve a start that meets ${code}, and are never fresh`, async () => {
      await leave([document]);
      const { resolver, events } = await restart(failing(code), {}, testTime + 3_600_000);
      expect(resolver.status()).to.include({ state: 'stale', source: 'last-known-good', revision: '1' });
      expect(resolver.status().lastError).to.include({ code });
      expect(resolver.status().ageMs).to.be.within(3_600_000, 3_601_000);
      expect(resolver.snapshot).to.include({ provider: 'memory', fetchedAt: testTime });
      expect(resolver.checkServerIdentity(host, lonePeer('lone'))).to.equal(undefined);
      checked(
        resolver.checkServerIdentity(host, peerCertificate('with root')),
        PinMismatchError,
        'ERR_PIN_MISMATCH',
      );
      expect(typesOf(events)).to.include.members(['refreshError', 'ready', 'stale']);
    });
  }

  for (const [title, published, code] of [
    ['malformed', '{', 'ERR_DOCUMENT_MALFORMED'],
    ['empty', '', 'ERR_DOCUMENT_EMPTY'],
    ['of a newer format', { ...document, $format: 'pinvault/2' }, 'ERR_DOCUMENT_FORMAT'],
    ['over already', { ...document, $expires: '2020-01-01' }, 'ERR_DOCUMENT_MALFORMED'],
  ] as const) {
    it(`serve a start whose document is ${title}: it never replaces a good one`, async () => {
      await leave([document]);
      const provider = new TestProvider(document);
      provider.publish(published);
      const { resolver, events, clock } = await restart(provider);
      expect(resolver.status()).to.include({ state: 'stale', source: 'last-known-good' });
      expect(onlyEvent(events, 'documentRejected').error.code).to.equal(code);
      expect(resolver.status().counters).to.include({ documentsRejected: 1 });
      // An answer, not an outage: the next read comes with the interval.
      await clock.advance(59_000);
      expect(provider.reads).to.equal(1);
      provider.publish({ [host]: 'block' });
      await clock.advance(2_000);
      expect(resolver.status()).to.include({ state: 'fresh', source: 'provider', revision: '3' });
    });
  }

  for (const code of ['ERR_PROVIDER_MISCONFIGURED', 'ERR_PROVIDER_SDK_MISSING'] as const) {
    it(`do not hide ${code}: the start fails`, async () => {
      await leave([document]);
      await rejectionOf(restart(failing(code)), PinProviderError, code);
    });
  }

  it('go before the fallback, which serves where there are none', async () => {
    await leave([document]);
    const fallback = new TestProvider({ [host]: 'block' }, 'env');
    const { resolver } = await restart(failing('ERR_PROVIDER_UNAVAILABLE'), { fallback });
    expect(resolver.status()).to.include({ source: 'last-known-good' });
    expect(fallback.reads).to.equal(0);
    await rm(directory(), { recursive: true });
    const other = await restart(failing('ERR_PROVIDER_UNAVAILABLE'), { fallback });
    expect(other.resolver.status()).to.include({ source: 'fallback', provider: 'env' });
  });

  it('give way to the provider as soon as that answers', async () => {
    await leave([document]);
    const { resolver, provider, clock, events } = await restart(failing('ERR_PROVIDER_UNAVAILABLE'));
    expect(provider.requests.every(({ knownRevision }) => knownRevision === undefined)).to.equal(true);
    provider.publish({ [host]: `${lone} ${pinOf('leaf')}` });
    await clock.advance(1_000);
    expect(resolver.status()).to.include({ state: 'fresh', source: 'provider', revision: '2' });
    expect(onlyEvent(events, 'rotate')).to.include({ previousRevision: '1' });
    onlyEvent(events, 'recovered');
  });

  it('are told by a warning that says whose they are, how old, and why', async () => {
    await leave([document]);
    const warnings = await warningsDuring(async () => {
      await restart(failing('ERR_PROVIDER_DENIED'), { warnings: true }, testTime + 5 * 3_600_000);
    });
    const told = warnings.find(({ code }) => code === 'PINVAULT_LAST_KNOWN_GOOD');
    for (const fact of ['memory secret/tls-pins', '5 h', 'ERR_PROVIDER_DENIED'])
      expect(told?.message).to.contain(fact);
  });

  it('age from their confirmation: past maxStaleMs they serve no longer, and the error says why', async () => {
    await leave([document]);
    const inTime = await restart(failing('ERR_PROVIDER_DENIED'), {}, testTime + 7 * day);
    expect(inTime.resolver.status().state).to.equal('stale');
    expect(inTime.resolver.status().expiresAt).to.equal(testTime + 7 * day);
    await inTime.clock.advance(1);
    expect(inTime.resolver.status().state).to.equal('expired');
    checked(
      inTime.resolver.checkServerIdentity(host, lonePeer('lone')),
      PinResolverError,
      'ERR_RESOLVER_EXPIRED',
    );
    const late = restart(failing('ERR_PROVIDER_UNAVAILABLE'), {}, testTime + 7 * day + 1);
    const error = await rejectionOf(late, PinProviderError, 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.message).to.contain('maxStaleMs');
  });

  it('are kept from ageing by confirmations, and one an hour is enough for the disk', async () => {
    const { resolver, provider, clock } = await start(document, options());
    await until(() => resolver.status().lastKnownGood?.writtenAt === testTime);
    const [path = ''] = await copies();
    const first = await readFile(path);
    provider.answer({ unchanged: true, revision: '1' });
    await clock.advance(59 * 60_000);
    expect(await readFile(path)).to.deep.equal(first);
    await clock.advance(2 * 60_000);
    await resolver.close();
    expect(await readFile(path)).not.to.deep.equal(first);
    const later = await restart(failing('ERR_PROVIDER_DENIED'), {}, testTime + 7 * day + 3_000_000);
    expect(later.resolver.status().source).to.equal('last-known-good');
    expect(later.resolver.snapshot.fetchedAt).to.equal(testTime);
  });

  it('of a document that reads the same each time are not written each time', async () => {
    const { resolver, clock } = await start(document, options());
    await until(() => resolver.status().lastKnownGood?.writtenAt === testTime);
    await clock.advance(30 * 60_000);
    expect(resolver.status().counters.reads).to.be.greaterThan(20);
    expect(resolver.status().lastKnownGood?.writtenAt).to.equal(testTime);
  });

  it('past their $expires do not serve', async () => {
    await leave([{ ...document, $expires: '2027-03-02' }]);
    const before = await restart(failing('ERR_PROVIDER_DENIED'), {}, Date.UTC(2027, 2, 2, 23, 59));
    expect(before.resolver.status()).to.include({ state: 'stale', expiresAt: Date.UTC(2027, 2, 3) - 1 });
    await rejectionOf(
      restart(failing('ERR_PROVIDER_DENIED'), {}, Date.UTC(2027, 2, 3)),
      PinProviderError,
      'ERR_PROVIDER_DENIED',
    );
  });

  it('from a future that a clock set back has made do not serve, but a correction of seconds is no matter', async () => {
    await leave([document]);
    const { resolver } = await restart(failing('ERR_PROVIDER_DENIED'), {}, testTime - 50_000);
    expect(resolver.status()).to.include({ source: 'last-known-good', ageMs: 0 });
    await rejectionOf(
      restart(failing('ERR_PROVIDER_DENIED'), {}, testTime - 61_000),
      PinProviderError,
      'ERR_PROVIDER_DENIED',
    );
  });

  it('are those of this provider, path and name only', async () => {
    await leave([document]);
    const otherPath = failing('ERR_PROVIDER_DENIED');
    Object.assign(otherPath, { location: 'secret/others' });
    for (const [provider, name] of [
      [failing('ERR_PROVIDER_DENIED', 'other'), 'memory'],
      [otherPath, 'memory'],
      [failing('ERR_PROVIDER_DENIED'), 'Memory'],
    ] as const)
      await rejectionOf(restart(provider, { name }), PinProviderError, 'ERR_PROVIDER_DENIED');
    // Also where somebody gives the file the other's name.
    const [path = ''] = await copies();
    await leave([document], { name: 'second' });
    const [second = ''] = (await copies()).filter((each) => each !== path);
    await leaveOf('other', 'second');
    const [third = ''] = (await copies()).filter((each) => each !== path && each !== second);
    await writeFile(third, await readFile(second));
    await rejectionOf(
      restart(failing('ERR_PROVIDER_DENIED', 'other'), { name: 'second' }),
      PinProviderError,
      'ERR_PROVIDER_DENIED',
    );
  });

  async function leaveOf(provider: string, name: string): Promise<void> {
    const { resolver } = await start(new TestProvider(document, provider), options({ name }));
    await resolver.close();
  }

  it('lie under a name that stays in the directory, whatever the resolver is called', async () => {
    for (const name of ['../../etc/passwd', '.', 'a\\b:c\u0000\ud800', 'x'.repeat(500)])
      await leave([document], { name });
    expect(await readdir(directory())).to.have.length(4);
    expect(await readdir(folder.path)).to.deep.equal(['copies']);
  });

  it('that are damaged count as none, with a warning, and are written anew', async () => {
    await leave([document]);
    const [path = ''] = await copies();
    await writeFile(path, (await readFile(path)).subarray(0, 100));
    const warnings = await warningsDuring(async () => {
      const { resolver } = await restart(document, { warnings: true });
      expect(resolver.status()).to.include({ source: 'provider', state: 'fresh' });
      await until(() => resolver.status().lastKnownGood?.writtenAt !== null);
      expect(resolver.status().lastKnownGood).not.to.have.property('problem');
    });
    expect(warnings.map(({ code }) => code)).to.deep.equal(['PINVAULT_LAST_KNOWN_GOOD']);
    const { resolver } = await restart(failing('ERR_PROVIDER_DENIED'));
    expect(resolver.status().source).to.equal('last-known-good');
  });

  it('with a key are refused where another key, or none, has sealed them', async () => {
    const key = 'k'.repeat(32);
    await leave([document]);
    const keyed = { lastKnownGood: { directory: directory(), key } };
    await rejectionOf(
      restart(failing('ERR_PROVIDER_DENIED'), keyed),
      PinProviderError,
      'ERR_PROVIDER_DENIED',
    );
    await leave([document], keyed);
    const { resolver } = await restart(failing('ERR_PROVIDER_DENIED'), keyed);
    expect(resolver.status().source).to.equal('last-known-good');
    const other = { lastKnownGood: { directory: directory(), key: 'l'.repeat(32) } };
    await rejectionOf(
      restart(failing('ERR_PROVIDER_DENIED'), other),
      PinProviderError,
      'ERR_PROVIDER_DENIED',
    );
    for (const path of await copies()) expect(await readFile(path, 'latin1')).not.to.contain(key);
  });

  it('of the fallback are never written', async () => {
    const fallback = new TestProvider(document, 'env');
    const { resolver } = await restart(failing('ERR_PROVIDER_DENIED'), { fallback });
    await resolver.close();
    expect(await copies()).to.deep.equal([]);
  });

  it('are written behind the rotation, the last of many only', async () => {
    await leave(Array.from({ length: 20 }, (_, index) => ({ ...document, [`h${index}.test`]: 'none' })));
    const { resolver } = await restart(failing('ERR_PROVIDER_DENIED'));
    expect(resolver.status().hosts).to.include('h19.test').and.to.have.length(2);
    expect(resolver.snapshot.revision).to.equal('20');
    expect(await copies()).to.have.length(1);
  });

  it('fail a start whose directory others may write in: that is for a person to mend', async function () {
    if (process.platform === 'win32') return this.skip(); // Windows has no modes
    await mkdir(directory());
    for (const path of [directory(), join(folder.path, 'file')]) {
      if (path === directory()) await chmod(path, 0o777);
      else await writeFile(path, '');
      const mistake: unknown = await restart(document, { lastKnownGood: { directory: path } }).catch(
        (error: unknown) => error,
      );
      expectInvalidOption(mistake, 'lastKnownGood.directory');
    }
  });

  it('that cannot be written hurt nothing: one warning, and status() shows it until it is over', async () => {
    await writeFile(join(folder.path, 'file'), '');
    const nowhere = { lastKnownGood: { directory: join(folder.path, 'file', 'below') } };
    const warnings = await warningsDuring(async () => {
      const { resolver, provider, clock } = await start(document, { ...nowhere, warnings: true });
      for (let turn = 0; turn < 3; turn += 1) {
        provider.publish({ ...document, [`h${turn}.test`]: 'none' });
        await clock.advance(60_000);
        await until(() => resolver.status().lastKnownGood?.problem?.includes('written') === true);
      }
      expect(resolver.status()).to.include({ state: 'fresh', revision: '4' });
      expect(resolver.status().lastKnownGood?.problem).to.contain('ENOTDIR');
      await rm(join(folder.path, 'file'));
      provider.answer({ unchanged: true, revision: '4' });
      await clock.advance(60_000);
      await until(() => resolver.status().lastKnownGood?.writtenAt !== null);
      expect(resolver.status().lastKnownGood).not.to.have.property('problem');
      await resolver.close();
    });
    // Once that they could not be read, once that they could not be written.
    expect(warnings.map(({ code }) => code)).to.deep.equal(Array(2).fill('PINVAULT_LAST_KNOWN_GOOD'));
  });
});

describe('what the last known good pins remember of the process before', () => {
  afterEach(closeAll);
  const folder = folderOfEachTest();
  const options = (more: ResolverOptions = {}): ResolverOptions => ({
    lastKnownGood: { directory: folder.path },
    ...more,
  });

  async function leave(documents: readonly object[], more: ResolverOptions = {}): Promise<void> {
    const [first = document, ...rest] = documents;
    const { resolver, provider } = await start(first, options(more));
    for (const next of rest) {
      provider.publish(next);
      await resolver.refresh();
    }
    await resolver.close();
  }

  it('lets no older generation in, not even after years', async () => {
    await leave([{ ...document, $generation: '5' }]);
    const clock = new FakeClock(testTime + 3_650 * day);
    const older = start({ [host]: 'none', $generation: '4' }, options(), clock);
    const error = await rejectionOf(older, PinDocumentError, 'ERR_DOCUMENT_ROLLBACK');
    expect(error.message).to.contain('on disk').and.to.contain('5');
    await rejectionOf(start(document, options(), clock), PinDocumentError, 'ERR_DOCUMENT_ROLLBACK');
    const { resolver } = await start({ ...document, $generation: '5' }, options(), clock);
    expect(resolver.snapshot.generation).to.equal(5);
  });

  it('keeps serving where the provider rolls back over a restart, and takes the next generation', async () => {
    await leave([{ ...document, $generation: '5' }]);
    const { resolver, provider, events, clock } = await start(
      { [host]: 'none', $generation: '4' },
      options(),
    );
    expect(resolver.status()).to.include({ source: 'last-known-good', generation: 5 });
    expect(onlyEvent(events, 'documentRejected').error.code).to.equal('ERR_DOCUMENT_ROLLBACK');
    provider.publish({ [host]: 'none' });
    expect((await resolver.refresh()).outcome).to.equal('rejected');
    provider.publish({ [host]: 'block', $generation: '6' });
    const refreshing = resolver.refresh();
    // The gap after a read that brought nothing.
    await clock.advance(1_000);
    expect((await refreshing).outcome).to.equal('rotated');
  });

  it('forgets the generation with the file', async () => {
    await leave([{ ...document, $generation: '5' }]);
    for (const name of await readdir(folder.path)) await rm(join(folder.path, name));
    const { resolver } = await start({ ...document, $generation: '4' }, options());
    expect(resolver.status()).to.include({ source: 'provider', generation: 4 });
  });

  it('never lets a process that is behind write over one that is ahead', async () => {
    const behind = await start({ ...document, $generation: '5' }, options());
    await until(() => behind.resolver.status().lastKnownGood?.writtenAt === testTime);
    const ahead = await start({ ...document, $generation: '6' }, options());
    await ahead.resolver.close();
    behind.provider.publish({ ...document, 'b.test': 'none', $generation: '5' });
    await behind.resolver.refresh();
    await behind.resolver.close();
    const older = await start({ ...document, $generation: '5' }, options());
    expect(older.resolver.status()).to.include({ source: 'last-known-good', generation: 6 });
  });

  it('keeps the last good pins under a row that was mistyped before the restart, and under one mistyped since', async () => {
    await leave([document, { [host]: 'sha256/oops', 'b.test': lone }]);
    const published = { [host]: 'sha256/oops', 'b.test': 'sha256/oops' };
    for (const provider of [new TestProvider(published), denied()]) {
      const { resolver } = await start(provider, options());
      for (const name of [host, 'b.test']) expect(resolver.lookup(name).rule, name).to.equal('pins');
      expect(resolver.checkServerIdentity(host, lonePeer('lone'))).to.equal(undefined);
    }
  });

  it('a mistyped row without good pins still refuses its host, whatever a wider row says', async () => {
    await leave([{ [host]: 'hvs.secret-in-the-wrong-row', '*': 'none' }]);
    const { resolver } = await start(denied(), options());
    expect(resolver.lookup(host).rule).to.equal('quarantined');
    checked(resolver.checkServerIdentity(host, lonePeer('lone')), PinMismatchError, 'ERR_PIN_ROW_INVALID');
  });

  it('keeps a required host pinned, whatever the document says after the restart', async () => {
    const required = options({ requiredHosts: [host] });
    await leave([document, { 'b.test': 'none' }], required);
    for (const provider of [denied(), new TestProvider({ [host]: 'none' })]) {
      const { resolver } = await start(provider, required);
      expect(resolver.lookup(host).rule).to.equal('pins');
      await resolver.close();
    }
  });

  it('does not serve a host that is required now and never had pins', async () => {
    await leave([document]);
    const starting = start(denied(), options({ requiredHosts: ['new.test'] }));
    await rejectionOf(starting, PinProviderError, 'ERR_PROVIDER_DENIED');
  });

  for (const uncoveredHosts of ['allow', 'report'] as const) {
    it(`a host that was ever covered stays refused under ${uncoveredHosts}`, async () => {
      await leave([{ 'b.test': lone }, document, { 'c.test': 'none' }]);
      // Too old to serve: what it remembers does not age.
      const clock = new FakeClock(testTime + 400 * day);
      const { resolver } = await start({ 'c.test': 'none' }, options({ uncoveredHosts }), clock);
      checked(
        resolver.checkServerIdentity(host, lonePeer('lone')),
        PinMismatchError,
        'ERR_PIN_HOST_UNCOVERED',
      );
      await resolver.close();
      const again = await start({ 'c.test': 'none' }, options({ uncoveredHosts }), clock);
      checked(
        again.resolver.checkServerIdentity(host, lonePeer('lone')),
        PinMismatchError,
        'ERR_PIN_HOST_UNCOVERED',
      );
    });
  }

  it('what was revoked stays so under the fallback', async () => {
    await leave([{ 'b.test': 'none', $revoked: lone }]);
    const clock = new FakeClock(testTime + 400 * day);
    const fallback = new TestProvider(document, 'env');
    const { resolver } = await start(denied(), options({ fallback }), clock);
    expect(resolver.status().source).to.equal('fallback');
    checked(resolver.checkServerIdentity(host, lonePeer('lone')), PinMismatchError, 'ERR_PIN_REVOKED');
  });

  function denied(): TestProvider {
    const provider = new TestProvider(document);
    provider.answer(new PinProviderError('ERR_PROVIDER_DENIED', 'no', { provider: 'memory' }));
    return provider;
  }
});
