import { open } from 'node:fs/promises';
import { PinDocumentError, PinProviderError, type PinProviderErrorCode } from '../errors.js';
import { printable } from '../internal/text.js';
import type { PinProvider } from '../provider.js';
import { revisionOf } from './static-provider.js';

/** Which file {@link createFileProvider} reads. */
export interface FileProviderOptions {
  readonly path: string;
  /** A larger file is refused before it is read. @defaultValue 1 MiB */
  readonly maxBytes?: number | undefined;
}

/** A document in a file, read anew at every interval; the revision is the content's hash. */
export function createFileProvider(options: FileProviderOptions): PinProvider {
  const { path, maxBytes = 1024 * 1024 } = options;
  return {
    name: 'file',
    location: path,
    read: async ({ signal }) => {
      const document = await readBounded(path, maxBytes, signal);
      return { document, revision: revisionOf(document) };
    },
  };
}

async function readBounded(path: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  let file;
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
    return Uint8Array.prototype.slice.call(buffer, 0, length);
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
