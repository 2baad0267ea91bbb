import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { RefusedCopy } from './last-known-good-record.js';

// Windows has neither links of this kind nor owners that Node could name.
const noFollow = constants.O_NOFOLLOW ?? 0;
const nonBlocking = constants.O_NONBLOCK ?? 0;

/** The place of a copy, whatever the working directory will be later. */
export function copyPath(directory: string, fileName: string): string {
  return join(resolve(directory), fileName);
}

/** A temporary file that is so old belongs to nobody any more, whatever its process id says. */
const abandonedAfterMs = 60_000;

/**
 * Makes sure that only we can write in the directory; creates it (0700) where it is missing.
 *
 * **Security:** whoever may write there may put an older copy back, or, without an HMAC key, any other.
 *
 * @throws RefusedCopy; an error of the system where the disk does not play along
 */
export async function prepareDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    // What is there instead is looked at below.
    if (error.code !== 'EEXIST') throw error;
  });
  const stats = await lstat(directory);
  if (stats.isSymbolicLink()) throw new RefusedCopy('is a symbolic link');
  if (!stats.isDirectory()) throw new RefusedCopy('is no directory');
  refuseOthers(stats);
}

/**
 * The bytes of a copy; `undefined` where there is none.
 *
 * @throws RefusedCopy for a link, another user's file, one that others may write, or one above `maxBytes`
 */
export async function readCopy(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    // Not blocking: a pipe in the place of the file would never open.
    file = await open(path, constants.O_RDONLY | noFollow | nonBlocking);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw new RefusedCopy('is a symbolic link');
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new RefusedCopy('is no regular file');
    if (stats.nlink > 1) throw new RefusedCopy('has another name elsewhere: it is a hard link');
    refuseOthers(stats);
    if (stats.size > maxBytes) throw new RefusedCopy(`has ${stats.size} bytes, more than any copy`);
    const bytes = Buffer.alloc(stats.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

function refuseOthers({ uid, mode }: Stats): void {
  const own = process.geteuid?.();
  if (own === undefined) return;
  if (uid !== own) throw new RefusedCopy(`belongs to the user ${uid}, not to us (${own})`);
  if ((mode & 0o022) !== 0) {
    throw new RefusedCopy(`may be written by others (mode ${(mode & 0o7777).toString(8)}): chmod go-w`);
  }
}

/**
 * Puts a copy in the place of the one before. A crash at any moment leaves the old one or the new one, whole, and at
 * most one temporary file, which a later write removes.
 */
export async function writeCopy(
  directory: string,
  fileName: string,
  bytes: Uint8Array,
  now: number,
): Promise<void> {
  await prepareDirectory(directory);
  await removeAbandoned(directory, fileName, now);
  const temporary = join(directory, `${fileName}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow;
  const file = await open(temporary, flags, 0o600);
  try {
    try {
      await file.writeFile(bytes);
      // Before the rename: else the new name may outlive a power cut, and its content not.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(directory, fileName));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories.
  if (process.platform === 'win32') return;
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Temporary files of this copy whose writers have died. */
async function removeAbandoned(directory: string, fileName: string, now: number): Promise<void> {
  for (const entry of await readdir(directory)) {
    if (!entry.startsWith(`${fileName}.`) || !entry.endsWith('.tmp')) continue;
    const path = join(directory, entry);
    const stats = await lstat(path).catch(() => undefined);
    if (stats === undefined) continue;
    const pid = Number(entry.slice(fileName.length + 1).split('.', 1)[0]);
    if (isAlive(pid) && Math.abs(now - stats.mtimeMs) < abandonedAfterMs) continue;
    await unlink(path).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
