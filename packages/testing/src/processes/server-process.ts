import { type ChildProcess, spawn } from 'node:child_process';

/** A server program as a child process: its output is kept, and it does not outlive ours. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #onExit = (): void => void this.#child.kill('SIGKILL');
  #log = '';
  #failure: Error | undefined;

  /** Starts `program`; nothing of our environment goes along but what is given. */
  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const take = (chunk: string): void => void (this.#log += chunk);
    this.#child.stdout?.setEncoding('utf8').on('data', take);
    this.#child.stderr?.setEncoding('utf8').on('data', take);
    this.#closed = new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      this.#child.once('error', (error) => {
        this.#failure = error;
        resolve();
      });
    });
    process.once('exit', this.#onExit);
  }

  /** Everything the program has printed, both streams together. */
  get log(): string {
    return this.#log;
  }

  get hasEnded(): boolean {
    return this.#failure !== undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /**
   * Resolves with what `pattern` has found in the output.
   * @throws Error with the output, where the program ends, or does not print it within the limit
   */
  async printed(pattern: RegExp, limitMs = 20_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const found = pattern.exec(this.#log);
      if (found !== null) return found;
      if (this.hasEnded || Date.now() > deadline)
        throw new Error(`the program did not print ${String(pattern)}: ${this.#log}`, {
          cause: this.#failure,
        });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends the program as a crash would, and waits until it has ended. Idempotent. */
  async kill(): Promise<void> {
    process.off('exit', this.#onExit);
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
