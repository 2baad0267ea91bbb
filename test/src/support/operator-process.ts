import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Rows to set; `null` deletes one. */
export type Edit = Readonly<Record<string, string | null>>;

export interface EditAnswer {
  /** HTTP status of the write. */
  readonly status: number;
  /** The secret's new version. */
  readonly revision: string;
  /** When the vault had answered the write (epoch ms). */
  readonly writtenAt: number;
}

/** Somebody who edits the pins, in a process of their own, with a token of their own. */
export class OperatorProcess {
  readonly #child: ChildProcess;

  constructor(vault: { readonly address: string; readonly token: string }) {
    const program = fileURLToPath(new URL('operator.js', import.meta.url));
    const env = { PATH: process.env['PATH'], OPERATOR_ADDRESS: vault.address, OPERATOR_TOKEN: vault.token };
    this.#child = fork(program, [], { env, execArgv: [] });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async edit(edit: Edit): Promise<EditAnswer> {
    this.#child.send(edit);
    const [answer] = (await once(this.#child, 'message', { signal: AbortSignal.timeout(10_000) })) as [
      EditAnswer,
    ];
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || !this.#child.connected) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
