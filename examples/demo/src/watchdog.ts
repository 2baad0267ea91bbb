import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('watchdog-process.js', import.meta.url));

/**
 * Ends a server and removes its folder should this very process be killed, when it can do so no more. A process of its
 * own, out of reach of the terminal's Ctrl-C, that waits until our end of its pipe is gone.
 */
export class Watchdog {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(server: ChildProcess, folder: string) {
    this.#child = spawn(process.execPath, [program, String(server.pid), folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    // Without it nothing is worse than before.
    this.#ended = once(this.#child, 'exit').catch(() => undefined);
    this.#child.unref();
  }

  /** To be called when the server has ended: its process id may soon be somebody else's. */
  async callOff(): Promise<void> {
    this.#child.ref();
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** The same for the last moment of our own process, when nothing can be awaited any more. */
  abandon(): void {
    this.#child.kill('SIGKILL');
  }
}
