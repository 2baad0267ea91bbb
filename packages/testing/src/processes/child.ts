import { spawn } from 'node:child_process';

/** How a child process ended. */
export interface ChildResult {
  readonly code: number | null;
  /** Both streams together. */
  readonly output: string;
  readonly ranMs: number;
}

/**
 * Runs a module text in a Node of its own, with nothing of our environment but what is given; killed after `limitMs`,
 * which shows in a code of `null`.
 *
 * @param from - the folder from which packages are found
 */
export async function runChild(
  from: URL,
  source: string,
  env: Readonly<Record<string, string>> = {},
  limitMs = 15_000,
): Promise<ChildResult> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: from,
    env: { HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, output, ranMs: performance.now() - startedAt };
}
