import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './command.js';

/** The file that the package's `bin` names. */
export const binPath: string = fileURLToPath(import.meta.resolve('#src/bin.js'));

/** Runs a program to its end. */
export async function spawned(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...env }, timeout: 10_000 };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (child.exitCode === null) reject(error ?? new Error('ended by a signal'));
      else resolve({ exitCode: child.exitCode, stdout, stderr });
    });
  });
}
