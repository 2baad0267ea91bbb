import { type FileHandle, open } from 'node:fs/promises';
import { invalidOption, PinDocumentError, PinProviderError, type PinProviderErrorCode } from '../errors.js';
import { type Clock, systemClock } from '../internal/clock.js';
import { printable } from '../internal/text.js';
import type { PinProvider } from '../provider.js';
import { FileWatch, identityOf } from './file-watch.js';
import { revisionOf } from './static-provider.js';

/** Which file {@link createFileProvider} reads, and when besides the interval. */
export interface FileProviderOptions {
  readonly path: string;
  /**
   * Reads as soon as the file has changed, however that was done, and notices within 5 s where the file system reports
   * nothing. @defaultValue `true`
   */
  readonly watch?: boolean | undefined;
  /**
   * Reads at SIGHUP, too. Node then no longer ends the process at that signal, which is why nobody gets it unasked.
   * @defaultValue `false`
   */
  readonly reloadOnSighup?: boolean | undefined;
  /** A larger file is refused before it is read. @defaultValue 1 MiB */
  readonly maxBytes?: number | undefined;
  /** For tests: the clock. */
  readonly clock?: Clock | undefined;
}

/** A file that was touched so lately may still be being written; it is waited for so many times. */
const settleMs = 100;
const settleTurns = 10;

/**
 * A document in a file, read when it changes and at every interval; the revision is the content's hash.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`)
 */
export function createFileProvider(options: FileProviderOptions): PinProvider {
  const { path, watch = true, reloadOnSighup = false, maxBytes = 1024 * 1024, clock = systemClock } = options;
  for (const [name, value] of Object.entries({ watch, reloadOnSighup }))
    if (typeof value !== 'boolean') throw invalidOption(`file.${name}`, 'is neither true nor false');
  let lastRead: string | undefined;
  return {
    name: 'file',
    location: path,
    read: async ({ knownRevision, signal }) => {
      const { content: document, identity } = await readSettled(path, maxBytes, clock, signal);
      lastRead = identity;
      const revision = revisionOf(document);
      return revision === knownRevision ? { unchanged: true, revision } : { document, revision };
    },
    watch(onChange, { signal }) {
      if (signal.aborted) return;
      const ends: (() => void)[] = [];
      const reload = (): void => onChange();
      if (watch) {
        const watching = new FileWatch(path, lastRead, reload, clock);
        ends.push(() => watching.close());
      }
      if (reloadOnSighup) {
        process.on('SIGHUP', reload);
        ends.push(() => process.off('SIGHUP', reload));
      }
      signal.addEventListener('abort', () => ends.forEach((end) => end()), { once: true });
    },
  };
}

/**
 * A file is read whole and at rest: one that was touched a moment ago, or while it was read, is read again, because half
 * of what an editor is about to write is no document. One that never rests is taken as it is: the decoder judges it.
 */
async function readSettled(
  path: string,
  maxBytes: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Content> {
  for (let turn = 1; ; turn += 1) {
    const read = await readBounded(path, maxBytes, signal);
    const isSettling = Math.abs(clock.now() - read.touchedAt) < settleMs;
    if (!isSettling || turn === settleTurns) return read;
    await new Promise<void>((done) => void clock.after(settleMs, done));
  }
}

interface Content {
  readonly content: Uint8Array;
  /** When the file was last written, or put in its place (epoch ms). */
  readonly touchedAt: number;
  readonly identity: string;
}

async function readBounded(path: string, maxBytes: number, signal: AbortSignal): Promise<Content> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    // One byte more than allowed tells a file that is too large, also one without a size, such as a pipe.
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    if (length > maxBytes) {
      throw new PinDocumentError(
        'ERR_DOCUMENT_TOO_LARGE',
        `${printable(path)} has more than ${maxBytes} bytes`,
        { reason: 'too-large' },
      );
    }
    // Asked afterwards: whatever came while we read shows in it.
    const stats = await file.stat();
    return {
      content: Uint8Array.prototype.slice.call(buffer, 0, length),
      touchedAt: Math.max(stats.mtimeMs, stats.ctimeMs),
      identity: identityOf(stats),
    };
  } catch (error) {
    if (error instanceof PinDocumentError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new PinProviderError(
      codes[code] ?? 'ERR_PROVIDER_UNAVAILABLE',
      `${printable(path)} cannot be read: ${code}`,
      { provider: 'file', detail: code },
    );
  } finally {
    await file?.close();
  }
}

const codes: Readonly<Record<string, PinProviderErrorCode>> = {
  ENOENT: 'ERR_PROVIDER_NOT_FOUND',
  ENOTDIR: 'ERR_PROVIDER_NOT_FOUND',
  EISDIR: 'ERR_PROVIDER_MISCONFIGURED',
  EACCES: 'ERR_PROVIDER_DENIED',
  EPERM: 'ERR_PROVIDER_DENIED',
};
