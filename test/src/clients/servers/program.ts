import { existsSync } from 'node:fs';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePortPair } from '../../support/open-bao-ports.js';
import { StartedProcess, until } from '../../support/processes.js';

const nobody = 65_534;
const unprivileged = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};

/** A running server of a test, and how it is ended. */
export interface RealServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** A folder for the server's files, and a free port; several servers refuse to run as root, so that none does. */
export class Room {
  readonly folder: string;
  readonly port: number;
  readonly #processes: StartedProcess[] = [];

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async open(name: string): Promise<Room> {
    const folder = await mkdtemp(join(tmpdir(), `pinvault-${name}-`));
    await own(folder);
    return new Room(folder, await freePortPair());
  }

  /** Starts a program in the folder, with this environment and a PATH alone. */
  start(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): StartedProcess {
    const started = new StartedProcess(program, args, {
      env: { PATH: process.env['PATH'], HOME: this.folder, LC_ALL: 'C', ...env },
      cwd: this.folder,
      ...unprivileged,
    });
    this.#processes.push(started);
    return started;
  }

  /** Runs a program to its end. @throws Error with all that it printed, where it fails */
  async run(program: string, args: readonly string[]): Promise<void> {
    const started = this.start(program, args);
    await until(
      () => started.hasEnded,
      () => started.log(),
      60_000,
    );
    if (started.exitCode !== 0) throw new Error(`${program} failed: ${started.log()}`);
  }

  /**
   * Waits until `started` takes connections. @throws Error with all that it printed, where it does not
   *
   * @param ready - what it prints once it is ready, where it takes connections before and turns them away
   */
  async listening(
    started: StartedProcess,
    { port = this.port, ready = /^/u }: { readonly port?: number; readonly ready?: RegExp } = {},
  ): Promise<RealServer> {
    try {
      await until(
        async () => started.hasEnded || (ready.test(started.log()) && (await takesConnections(port))),
        () => started.log(),
        60_000,
      );
      if (started.hasEnded) throw new Error(`the server has ended: ${started.log()}`);
    } catch (error) {
      await this.close();
      throw error;
    }
    return { port, stop: async () => this.close() };
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((started) => started.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Gives a file to the user that the servers run as. */
export async function own(path: string): Promise<void> {
  if (unprivileged.uid !== undefined) await chown(path, nobody, nobody);
}

/** Where a program is: the PATH, or the places where Debian puts servers. */
export async function findProgram(name: string): Promise<string | undefined> {
  const postgres = '/usr/lib/postgresql';
  const versions = existsSync(postgres) ? (await readdir(postgres)).sort().toReversed() : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    ...versions.map((version) => join(postgres, version, 'bin')),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
