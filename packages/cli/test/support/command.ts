import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loopbackLookup } from '@pinvault/testing';
import { run } from '#src/index.js';

/** What a command line brought about. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, with every host name at 127.0.0.1. */
export async function command(args: readonly string[], now: () => number = Date.now): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  const exitCode = await run(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    now,
    lookup: loopbackLookup,
  });
  return { exitCode, stdout, stderr };
}

/** The row of a report: its first line. */
export function rowOf({ stdout }: Outcome): string {
  return stdout.slice(0, stdout.indexOf('\n'));
}

/** Every pin that is listed, in order, the row's left out. */
export function listedPins({ stdout }: Outcome): string[] {
  return [...stdout.matchAll(/^ +\d+ {2}(?:leaf|CA|root|key) +(\S+)$/gmu)].map((match) => match[1] ?? '');
}

/** A folder of its own for the files of a test. */
export class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'pinvault-cli-'));

  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
