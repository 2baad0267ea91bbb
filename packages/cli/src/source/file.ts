import { open } from 'node:fs/promises';
import { CommandError } from '../command-error.js';

const maxBytes = 1024 * 1024;

/**
 * Reads a file of certificates or keys, 1 MiB at most; a pipe will do as well.
 *
 * @param name - what errors call it, safe to print
 * @throws CommandError
 */
export async function readFile(path: string, name: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      if ((await file.stat()).isDirectory())
        throw new CommandError(`${name} is a directory`, {
          hint: /[/\\]/u.test(path) ? undefined : hostHint,
        });
      return await readAtMost(file.createReadStream({ autoClose: false, end: maxBytes }), name);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw unreadable(error, path, name);
  }
}

const hostHint = 'for a host of this name write https:// before it';

async function readAtMost(stream: AsyncIterable<unknown>, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
  }
  if (length > maxBytes) throw new CommandError(`${name} is larger than 1 MiB: no certificate or key is`);
  return Buffer.concat(chunks);
}

function unreadable(error: unknown, path: string, name: string): CommandError {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new CommandError(`there is no file ${name}`, {
        hint: /[/\\]/u.test(path)
          ? 'for a host leave out what follows the first slash, or write https:// before it'
          : hostHint,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new CommandError(`${name} may not be read: permission denied`, { cause: error });
    default:
      return new CommandError(`${name} could not be read: ${code ?? message}`, { cause: error });
  }
}
