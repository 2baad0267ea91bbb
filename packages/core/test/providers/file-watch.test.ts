import fs, { type FSWatcher } from 'node:fs';
import { mkdir, open, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { systemClock } from '#src/internal/clock.js';
import { createFileProvider, type FileProviderOptions } from '#src/providers/file-provider.js';
import { FileWatch } from '#src/providers/file-watch.js';
import type { PinEvent } from '#src/resolver/events.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { expectInvalidOption } from '../support/errors.js';
import { host, pinOf, testTime } from '../support/chains.js';
import { FakeClock } from '../support/fake-clock.js';
import { folderOfEachTest, until } from '../support/folder.js';
import { typesOf } from '../support/resolvers.js';

const text = (index: number): string => JSON.stringify({ [host]: pinOf('lone'), [`h${index}.test`]: 'none' });

// What takes longer was found by looking, which comes every 5 s, and not by watching.
const beforeTheNextLookMs = 4_500;

describe('a pin file that changes', function () {
  this.timeout(20_000);
  const folder = folderOfEachTest();
  const path = (): string => join(folder.path, 'pins.json');
  const events: PinEvent[] = [];
  let resolver: PinResolver | undefined;

  async function start(options: Partial<FileProviderOptions> = {}): Promise<PinResolver> {
    events.length = 0;
    resolver = await PinResolver.create(createFileProvider({ path: path(), ...options }), {
      warnings: false,
      // Nothing that is seen here comes from the interval.
      refreshIntervalMs: 3_600_000,
      onEvent: (event) => events.push(event),
    });
    return resolver;
  }

  /** The rows of this number are in force, and on the way there nothing was refused. */
  async function follows(index: number): Promise<void> {
    await until(() => resolver?.status().hosts.includes(`h${index}.test`) === true, beforeTheNextLookMs);
    expect(typesOf(events)).not.to.include.members(['documentRejected']);
    expect(typesOf(events)).not.to.include.members(['refreshError']);
  }

  afterEach(async () => {
    await resolver?.close();
    resolver = undefined;
  });

  it('in place is followed, time and again', async () => {
    await writeFile(path(), text(0));
    await start();
    for (let index = 1; index <= 2; index += 1) {
      await writeFile(path(), text(index));
      await follows(index);
    }
  });

  it('by a rename over it is followed, time and again', async () => {
    await writeFile(path(), text(0));
    await start();
    for (let index = 1; index <= 2; index += 1) {
      await writeFile(join(folder.path, '.pins.json.swp'), text(index));
      await rename(join(folder.path, '.pins.json.swp'), path());
      await follows(index);
    }
  });

  it('by a swap of ..data, as Kubernetes and the CSI driver do it, is followed', async () => {
    // The layout of the kubelet's atomic writer: pins.json -> ..data/pins.json, ..data -> ..<timestamp>.
    async function publish(index: number): Promise<void> {
      const version = join(folder.path, `..2027_03_01_${index}`);
      await mkdir(version);
      await writeFile(join(version, 'pins.json'), text(index));
      await symlink(`..2027_03_01_${index}`, join(folder.path, '..data_tmp'));
      await rename(join(folder.path, '..data_tmp'), join(folder.path, '..data'));
      if (index > 0) await rm(join(folder.path, `..2027_03_01_${index - 1}`), { recursive: true });
    }
    await publish(0);
    await symlink('..data/pins.json', path());
    await start();
    for (let index = 1; index <= 2; index += 1) {
      await publish(index);
      await follows(index);
    }
  });

  it('by a swap of a directory above it, as deployments do it, is followed', async () => {
    for (const index of [0, 1]) {
      await mkdir(join(folder.path, `release-${index}`));
      await writeFile(join(folder.path, `release-${index}`, 'pins.json'), text(index));
    }
    await symlink('release-0', join(folder.path, 'current'));
    await start({ path: join(folder.path, 'current', 'pins.json') });
    await symlink('release-1', join(folder.path, 'next'));
    await rename(join(folder.path, 'next'), join(folder.path, 'current'));
    await follows(1);
  });

  it('is not read while it is empty, or half of it, on the way', async () => {
    await writeFile(path(), text(0));
    await start();
    const next = text(1);
    const file = await open(path(), 'w');
    // Longer than the quiet that is waited for, in steps far shorter: a slow machine may make ten of one.
    expect(next.length).to.be.above(40);
    for (let from = 0; from < next.length; from += 3) {
      await file.write(next.slice(from, from + 3));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await file.close();
    await follows(1);
  });

  it('keeps the last good pins while it is broken or gone, and follows when it is back', async () => {
    await writeFile(path(), text(0));
    await start();
    await writeFile(path(), '{"half":');
    await until(() => resolver?.status().lastRejected !== undefined);
    await unlink(path());
    await until(() => resolver?.status().lastError?.code === 'ERR_PROVIDER_NOT_FOUND');
    expect(resolver?.status().hosts).to.include('h0.test');
    await writeFile(path(), text(1));
    await until(() => resolver?.status().hosts.includes('h1.test') === true);
  });

  it('together with its directory is followed', async () => {
    const inner = join(folder.path, 'a', 'b');
    await mkdir(inner, { recursive: true });
    await writeFile(join(inner, 'pins.json'), text(0));
    await start({ path: join(inner, 'pins.json') });
    for (const index of [1, 2]) {
      await rm(join(folder.path, 'a'), { recursive: true });
      await mkdir(inner, { recursive: true });
      await writeFile(join(inner, 'pins.json'), text(index));
      await until(() => resolver?.status().hosts.includes(`h${index}.test`) === true, 15_000);
    }
  });

  it('is not followed before the interval where nobody asked for it', async () => {
    await writeFile(path(), text(0));
    const pins = await start({ watch: false });
    await writeFile(path(), text(1));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(pins.status().counters.reads).to.equal(0);
    await pins.refresh();
    await follows(1);
  });

  it('between the first read and the watch is noticed', async () => {
    await writeFile(path(), text(0));
    const provider = createFileProvider({ path: path() });
    const { signal } = new AbortController();
    const first = await provider.read({ signal });
    await writeFile(path(), text(1));
    const ends = new AbortController();
    await new Promise<void>((resolve) => {
      provider.watch?.(() => resolve(), { signal: ends.signal });
    });
    ends.abort();
    expect((await provider.read({ signal })).revision).not.to.equal(first.revision);
  });

  it('is read at SIGHUP where that was asked for, and the signal is free again afterwards', async () => {
    await writeFile(path(), text(0));
    const before = process.listenerCount('SIGHUP');
    const pins = await start({ watch: false, reloadOnSighup: true });
    expect(process.listenerCount('SIGHUP')).to.equal(before + 1);
    await writeFile(path(), text(1));
    process.kill(process.pid, 'SIGHUP');
    await follows(1);
    await pins.close();
    expect(process.listenerCount('SIGHUP')).to.equal(before);
  });

  it('leaves the signal alone by default', async () => {
    await writeFile(path(), text(0));
    const before = process.listenerCount('SIGHUP');
    await start();
    expect(process.listenerCount('SIGHUP')).to.equal(before);
  });

  it('is answered with "unchanged" where it is not', async () => {
    await writeFile(path(), text(0));
    const provider = createFileProvider({ path: path() });
    const { signal } = new AbortController();
    const { revision } = await provider.read({ signal });
    expect(await provider.read({ signal, knownRevision: revision })).to.deep.equal({
      unchanged: true,
      revision,
    });
  });

  it('refuses options that are no yes or no', () => {
    for (const name of ['watch', 'reloadOnSighup'] as const) {
      let thrown: unknown;
      try {
        createFileProvider({ path: path(), [name]: 'yes' as never });
      } catch (error) {
        thrown = error;
      }
      expectInvalidOption(thrown, `file.${name}`);
    }
  });
});

describe('the watch of a file', function () {
  this.timeout(20_000);
  const folder = folderOfEachTest();
  const path = (): string => join(folder.path, 'deep', 'down', 'pins.json');
  let watching: FileWatch | undefined;
  let changes = 0;

  function watchFile(file: string, clock = systemClock): void {
    changes = 0;
    watching = new FileWatch(file, 'ENOENT', () => (changes += 1), clock);
  }

  afterEach(() => watching?.close());

  it('waits for a file whose directories do not exist yet', async () => {
    watchFile(path());
    await new Promise((resolve) => setTimeout(resolve, 100));
    await mkdir(join(folder.path, 'deep', 'down'), { recursive: true });
    await writeFile(path(), 'x');
    await until(() => changes >= 1, 15_000);
  });

  it('is not moved by what else happens in the directory', async () => {
    await writeFile(join(folder.path, 'pins.json'), 'x');
    watchFile(join(folder.path, 'pins.json'));
    // It has never been read.
    await until(() => changes === 1);
    for (let index = 0; index < 200; index += 1) await writeFile(join(folder.path, `other-${index}`), 'x');
    // Longer than the gap after which it would tell.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(changes).to.equal(1);
  });

  it('makes few calls of 20,000 events', async () => {
    const file = join(folder.path, 'pins.json');
    fs.writeFileSync(file, 'x');
    watchFile(file);
    await until(() => changes === 1);
    const startedAt = performance.now();
    const descriptor = fs.openSync(file, 'r+');
    for (let turn = 0; turn < 200; turn += 1) {
      // One event each; the kernel joins only those that are alike and next to one another, so the mode changes between.
      for (let write = 0; write < 50; write += 1) {
        fs.writeSync(descriptor, 'x', 0);
        fs.fchmodSync(descriptor, write % 2 === 0 ? 0o600 : 0o640);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    fs.closeSync(descriptor);
    const seconds = (performance.now() - startedAt) / 1_000;
    await until(() => changes >= 2);
    expect(changes).to.be.at.most(3 + seconds);
  });

  it('follows links in a circle no further than the kernel does, and copes with none', async () => {
    await symlink('b', join(folder.path, 'a'));
    await symlink('a', join(folder.path, 'b'));
    watchFile(join(folder.path, 'a'));
    await until(() => changes === 1);
    await unlink(join(folder.path, 'a'));
    await writeFile(join(folder.path, 'a'), 'x');
    await until(() => changes >= 2);
  });

  it('looks every 5 s where nothing can be watched', async () => {
    const real = fs.watch;
    // What a machine without free watches answers; the limit is the machine's, and not for a test to exhaust.
    fs.watch = () => {
      throw Object.assign(new Error('no space left for watchers'), { code: 'ENOSPC' });
    };
    syncBuiltinESMExports();
    try {
      await writeFile(join(folder.path, 'pins.json'), 'x');
      const clock = new FakeClock(testTime);
      watchFile(join(folder.path, 'pins.json'), clock);
      await until(() => clock.delays.includes(5_000));
      await clock.advance(100);
      await until(() => clock.delays.includes(5_000));
      expect(changes).to.equal(1);
      await writeFile(join(folder.path, 'pins.json'), 'xy');
      await clock.advance(4_999);
      expect(changes).to.equal(1);
      await clock.advance(1);
      await until(() => clock.delays.includes(100));
      await clock.advance(100);
      expect(changes).to.equal(2);
      expect(clock.keepingAlive).to.equal(0);
    } finally {
      fs.watch = real;
      syncBuiltinESMExports();
    }
  });

  it('that fails later is replaced at the next look', async () => {
    const watchers: FSWatcher[] = [];
    const real = fs.watch;
    fs.watch = ((...parameters: Parameters<typeof real>) => {
      const watcher = real(...parameters);
      watchers.push(watcher);
      return watcher;
    }) as never;
    syncBuiltinESMExports();
    try {
      const clock = new FakeClock(testTime);
      watchFile(join(folder.path, 'pins.json'), clock);
      await until(() => clock.delays.includes(5_000));
      const before = watchers.length;
      expect(before).to.be.greaterThan(0);
      watchers[0]?.emit('error', new Error('gone'));
      await clock.advance(5_000);
      await until(() => watchers.length === before + 1);
    } finally {
      fs.watch = real;
      syncBuiltinESMExports();
    }
  });

  it('ends with close(), also while it looks', async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'FSEventWrap').length;
    for (let turn = 0; turn < 20; turn += 1) {
      const each = new FileWatch(path(), undefined, () => (changes += 1), systemClock);
      if (turn % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      each.close();
      each.close();
    }
    changes = 0;
    await mkdir(join(folder.path, 'deep', 'down'), { recursive: true });
    await writeFile(path(), 'x');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(changes).to.equal(0);
    const after = process.getActiveResourcesInfo().filter((kind) => kind === 'FSEventWrap').length;
    expect(after).to.equal(before);
  });
});
