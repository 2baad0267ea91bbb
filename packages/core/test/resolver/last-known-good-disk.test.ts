import { execFileSync } from 'node:child_process';
import {
  chmod,
  chown,
  link,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { copyPath, prepareDirectory, readCopy, writeCopy } from '#src/resolver/last-known-good-disk.js';
import { RefusedCopy } from '#src/resolver/last-known-good-record.js';
import { folderOfEachTest } from '../support/folder.js';

const isRoot = process.geteuid?.() === 0;
const hasOwners = process.platform !== 'win32';
const nobody = 65_534;

describe('the disk under the last known good pins', () => {
  const folder = folderOfEachTest();
  const own = (): string => join(folder.path, 'own');
  const file = (): string => join(own(), 'a.pins');
  const bytes = Buffer.from('one');

  async function isRefused(promise: Promise<unknown>): Promise<void> {
    const error: unknown = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.an.instanceof(RefusedCopy);
  }

  it('makes the directory and the file for the owner alone', async function () {
    if (!hasOwners) return this.skip(); // Windows has neither owners nor modes
    await writeCopy(join(own(), 'deeper'), 'a.pins', bytes, Date.now());
    expect((await stat(join(own(), 'deeper'))).mode & 0o777).to.equal(0o700);
    expect((await stat(join(own(), 'deeper', 'a.pins'))).mode & 0o777).to.equal(0o600);
  });

  it('reads back what was written last, and leaves nothing else', async () => {
    await writeCopy(own(), 'a.pins', bytes, Date.now());
    await writeCopy(own(), 'a.pins', Buffer.from('two'), Date.now());
    expect(Buffer.from((await readCopy(file(), 10)) ?? []).toString()).to.equal('two');
    expect(await readdir(own())).to.deep.equal(['a.pins']);
  });

  it('reads nothing where nothing is', async () => {
    expect(await readCopy(file(), 10)).to.equal(undefined);
    await mkdir(own());
    expect(await readCopy(file(), 10)).to.equal(undefined);
  });

  it('refuses a file that is too large before it is read', async () => {
    await writeCopy(own(), 'a.pins', Buffer.alloc(11), Date.now());
    await isRefused(readCopy(file(), 10));
    expect(await readCopy(file(), 11)).to.have.length(11);
  });

  it('follows no link: neither symbolic nor hard', async function () {
    if (!hasOwners) return this.skip(); // Windows has neither owners nor modes
    await mkdir(own());
    const elsewhere = join(folder.path, 'elsewhere');
    await writeFile(elsewhere, 'not ours', { mode: 0o600 });
    await symlink(elsewhere, file());
    await isRefused(readCopy(file(), 100));
    // A write puts the file in the place of the link, and leaves alone what it points to.
    await writeCopy(own(), 'a.pins', bytes, Date.now());
    expect(await readFile(elsewhere, 'utf8')).to.equal('not ours');
    expect(await readCopy(file(), 100)).to.have.length(3);
    await link(elsewhere, join(own(), 'b.pins'));
    await isRefused(readCopy(join(own(), 'b.pins'), 100));
  });

  it('refuses a pipe, a device and a directory, and does not wait for them', async function () {
    if (!hasOwners) return this.skip(); // Windows has neither owners nor modes
    await mkdir(own());
    execFileSync('mkfifo', ['-m', '600', file()]);
    await isRefused(readCopy(file(), 100));
    await isRefused(readCopy('/dev/zero', 100));
    await isRefused(readCopy(own(), 100));
  });

  it("refuses another user's file and directory", async function () {
    // Only root can give something away.
    if (!isRoot) return this.skip(); // only root can give a file away
    await writeCopy(own(), 'a.pins', bytes, Date.now());
    await chown(file(), nobody, nobody);
    await isRefused(readCopy(file(), 100));
    await chown(own(), nobody, nobody);
    await isRefused(prepareDirectory(own()));
    await isRefused(writeCopy(own(), 'a.pins', bytes, Date.now()));
  });

  for (const mode of [0o720, 0o702, 0o777, 0o1777]) {
    it(`refuses a directory of mode ${mode.toString(8)}, in which others may write`, async function () {
      if (!hasOwners) return this.skip(); // Windows has neither owners nor modes
      await mkdir(own());
      await chmod(own(), mode);
      await isRefused(prepareDirectory(own()));
      await isRefused(writeCopy(own(), 'a.pins', bytes, Date.now()));
      expect(await readdir(own())).to.deep.equal([]);
    });
  }

  it('takes a directory that others may read, since pins are no secret', async function () {
    if (!hasOwners) return this.skip(); // Windows has neither owners nor modes
    await mkdir(own(), { mode: 0o755 });
    await writeCopy(own(), 'a.pins', bytes, Date.now());
    expect(await readCopy(file(), 100)).to.have.length(3);
  });

  it('refuses a file that others may write', async function () {
    if (!hasOwners) return this.skip(); // Windows has neither owners nor modes
    await writeCopy(own(), 'a.pins', bytes, Date.now());
    await chmod(file(), 0o620);
    await isRefused(readCopy(file(), 100));
  });

  it('refuses a directory that is a link, a file, or below a file', async () => {
    await mkdir(join(folder.path, 'real'), { mode: 0o700 });
    await symlink(join(folder.path, 'real'), own());
    await isRefused(prepareDirectory(own()));
    await writeFile(join(folder.path, 'file'), '');
    await isRefused(prepareDirectory(join(folder.path, 'file')));
    const below: unknown = await prepareDirectory(join(folder.path, 'file', 'below')).catch(
      (error: unknown) => error,
    );
    expect(below).to.have.property('code', 'ENOTDIR');
  });

  it('clears away what dead writers have left, and nothing else', async () => {
    await mkdir(own(), { mode: 0o700 });
    const dead = spawnedAndGone();
    const [now, old] = [Date.now(), new Date(Date.now() - 61_000)];
    const keep = ['other.pins', `other.pins.${dead}.aa.tmp`, `a.pins.${process.pid}.bb.tmp`, 'a.pins.txt'];
    const litter = [`a.pins.${dead}.cc.tmp`, `a.pins.${process.pid}.dd.tmp`, 'a.pins.x.ee.tmp'];
    for (const name of [...keep, ...litter]) await writeFile(join(own(), name), '');
    await utimes(join(own(), `a.pins.${process.pid}.dd.tmp`), old, old);
    await writeCopy(own(), 'a.pins', bytes, now);
    expect((await readdir(own())).sort()).to.deep.equal([...keep, 'a.pins'].sort());
  });

  it('leaves no temporary file where the place is taken', async () => {
    await mkdir(join(own(), 'a.pins', 'below'), { recursive: true, mode: 0o700 });
    const error: unknown = await writeCopy(own(), 'a.pins', bytes, Date.now()).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('code').that.is.oneOf(['EISDIR', 'ENOTEMPTY', 'EPERM']);
    expect(await readdir(own())).to.deep.equal(['a.pins']);
  });

  it('is named from where the process was when it started', () => {
    expect(copyPath('relative', 'a.pins')).to.equal(join(process.cwd(), 'relative', 'a.pins'));
  });
});

/** A process id that was somebody's a moment ago. */
function spawnedAndGone(): string {
  return execFileSync(process.execPath, ['-e', 'console.log(process.pid)'], { encoding: 'utf8' }).trim();
}
