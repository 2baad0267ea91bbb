import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const graceMs = 5_000;
const running = new Set<StartedProcess>();

export interface StartOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** A child process whose output is kept, and which does not outlive the tests. */
export class StartedProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #log = '';
  #failure: Error | undefined;

  constructor(command: string, args: readonly string[], options: StartOptions) {
    this.#child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const take = (chunk: string): void => {
      this.#log += chunk;
    };
    this.#child.stdout?.setEncoding('utf8').on('data', take);
    this.#child.stderr?.setEncoding('utf8').on('data', take);
    // without a listener a missing program would end the whole test run
    this.#child.on('error', (error) => (this.#failure = error));
    this.#closed = once(this.#child, 'close').catch(() => undefined);
    running.add(this);
    this.#child.once('close', () => running.delete(this));
  }

  get pid(): number {
    if (this.#child.pid === undefined)
      throw new Error('the process could not be started', { cause: this.#failure });
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#failure !== undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** Everything the process has printed so far, both streams together. */
  log(): string {
    return this.#log;
  }

  /** Asks the process to end, insists after five seconds, and waits until it has. */
  async stop(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#child.kill('SIGTERM');
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#closed;
    clearTimeout(insist);
  }

  /** Ends the process as a crash would, and waits until it has ended. */
  async kill(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** For the last moment of our own process, when nothing can be awaited any more. */
  abandon(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Waits for `check` to become true; `describeState` is asked only when it does not in time. */
export async function until(
  check: () => Promise<boolean> | boolean,
  describeState: () => string,
  limitMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await check())) {
    if (Date.now() > deadline)
      throw new Error(`not reached within ${String(limitMs)} ms: ${describeState()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function abandonAll(): void {
  for (const started of running) started.abandon();
}

process.once('exit', abandonAll);
process.once('SIGTERM', () => {
  abandonAll();
  process.exit(143);
});

// Loaded by a test file, outside any describe: a hook of the root suite. A test that failed before it could stop its
// server must not keep the run alive.
if (typeof after === 'function') {
  after('ends every process that a test has left', async () => {
    await Promise.all([...running].map((started) => started.kill()));
  });
}
