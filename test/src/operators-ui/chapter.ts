import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OpenBaoServer } from '../support/open-bao.js';
import { openBao } from '../support/open-bao.js';
import { StartedProcess, until } from '../support/processes.js';

const file = new URL('../../../docs/operators.md', import.meta.url);
const command = fileURLToPath(new URL('../../../packages/cli/dist/bin.js', import.meta.url));

/** docs/operators.md. */
export const chapter = await readFile(file, 'utf8');

/** The commands of the chapter by the heading that they stand under, in their order. */
export const chapterCommands: ReadonlyMap<string, readonly string[]> = new Map(
  chapter
    .split(/^## /mu)
    .slice(1)
    .map((section) => [
      section.slice(0, section.indexOf('\n')),
      [...section.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gmu)].map(([, margin = '', code = '']) =>
        code.replaceAll(new RegExp(`^${margin}`, 'gmu'), ''),
      ),
    ]),
);

/** What a command ended with. */
export interface Outcome {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Somebody's shell: `bao` and `pinvault` on its PATH, a home folder that is nobody's, the vault's address. */
export class Shell {
  readonly #home: string;
  readonly #address: string;

  private constructor(home: string, address: string) {
    this.#home = home;
    this.#address = address;
  }

  static async open(vault: OpenBaoServer): Promise<Shell> {
    const found = openBao();
    if (!found.available) throw new Error(found.reason);
    const home = await mkdtemp(join(tmpdir(), 'pinvault-operator-'));
    const programs = join(home, 'bin');
    await mkdir(programs);
    await symlink(found.path, join(programs, 'bao'));
    await writeFile(join(programs, 'pinvault'), `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
    await chmod(join(programs, 'pinvault'), 0o755);
    return new Shell(home, vault.address);
  }

  /** A file in the folder where the commands run. */
  async put(name: string, content: string): Promise<void> {
    await writeFile(join(this.#home, name), content);
  }

  /** Runs a command as it stands in the chapter. A variable that it uses and nobody has set is a failure. */
  async run(script: string, variables: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const env = {
      HOME: this.#home,
      PATH: `${join(this.#home, 'bin')}:${process.env['PATH'] ?? ''}`,
      BAO_ADDR: this.#address,
      ...variables,
    };
    const started = new StartedProcess('/bin/sh', ['-euc', script], { env, cwd: this.#home });
    await until(
      () => started.hasEnded,
      () => started.log(),
    );
    await started.stop();
    return { exitCode: started.exitCode, output: started.log() };
  }

  async close(): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }
}
