import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DemoVault } from './vault.js';
import type { Rows } from './operator.js';
import { callVault, kvSecret, valueAt, vaultOptions, writeRows } from './vault-api.js';
import { StoryBroken, until } from './waiting.js';
import { Watchdog } from './watchdog.js';

const token = 'root';
const startAttempts = 3;

/** A real OpenBao (or Vault) server in development mode: unsealed, in memory, on the loopback interface only. */
export async function startOpenBao(
  binary: string,
  signal: AbortSignal,
): Promise<DemoVault & { readonly token: string }> {
  for (let attempt = 1; ; attempt += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-demo-'));
    const server = new OpenBao(binary, folder, await freePortPair());
    try {
      await server.ready(signal);
      return server;
    } catch (error) {
      await server.close();
      // Between our look at the port and the server's own, someone else may have taken it.
      if (!server.log.includes('address already in use') || attempt === startAttempts) throw error;
    }
  }
}

class OpenBao implements DemoVault {
  readonly address: string;
  readonly secret = kvSecret;
  readonly provider = 'vault';
  readonly token = token;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #folder: string;
  readonly #watchdog: Watchdog;
  readonly #endNow = (): void => this.#abandon();
  #version = '';
  #log = '';

  constructor(binary: string, folder: string, port: number) {
    this.#folder = folder;
    this.address = `http://127.0.0.1:${port}`;
    const options = [`-dev-root-token-id=${token}`, `-dev-listen-address=127.0.0.1:${port}`];
    this.#child = spawn(binary, ['server', '-dev', ...options, '-dev-no-store-token'], {
      // Nothing of ours: a BAO_* or VAULT_* variable would change the server, and a home its token file.
      env: { HOME: folder, BAO_TOKEN_PATH: join(folder, 'token'), PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#watchdog = new Watchdog(this.#child, folder);
    const take = (chunk: string): void => {
      this.#log += chunk;
    };
    this.#child.stdout?.setEncoding('utf8').on('data', take);
    this.#child.stderr?.setEncoding('utf8').on('data', take);
    this.#ended = once(this.#child, 'close').catch((error: unknown) => take(String(error)));
    // For the last moment of our own process, when nothing can be awaited any more.
    process.once('exit', this.#endNow);
  }

  get name(): string {
    const product = /^==> (OpenBao|Vault) server/m.exec(this.#log)?.[1] ?? 'OpenBao';
    return `${product} ${this.#version}`;
  }

  get options(): DemoVault['options'] {
    return vaultOptions(this);
  }

  get log(): string {
    return this.#log;
  }

  /** The server answers before it has mounted `secret/`. */
  async ready(signal: AbortSignal): Promise<void> {
    const isReady = async (): Promise<boolean> => {
      if (this.#hasEnded) {
        await this.#ended;
        const lastLine = this.#log.trim().split('\n').at(-1) ?? '';
        throw new StoryBroken(`the vault did not start: ${lastLine}`);
      }
      const mount = await callVault(this, 'GET', 'secret/config').catch(() => undefined);
      return mount?.status === 200;
    };
    await until('the vault is ready', isReady, signal, 15_000);
    const { body } = await callVault(this, 'GET', 'sys/health');
    this.#version = String(valueAt(body, 'version'));
  }

  async write(rows: Rows): Promise<string> {
    return writeRows(this, rows);
  }

  async die(): Promise<string> {
    const { pid } = this.#child;
    this.#child.kill('SIGKILL');
    await this.#ended;
    await this.#watchdog.callOff();
    return `process ${pid ?? '?'} ended with SIGKILL`;
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    await this.#watchdog.callOff();
    rmSync(this.#folder, { recursive: true, force: true });
    process.off('exit', this.#endNow);
  }

  get #hasEnded(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  #abandon(): void {
    this.#child.kill('SIGKILL');
    this.#watchdog.abandon();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A free port whose successor is free too: the server takes that one for its cluster listener. */
async function freePortPair(): Promise<number> {
  for (;;) {
    const first = await listen(0);
    const address = first.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const second = port < 65_535 ? await listen(port + 1).catch(() => undefined) : undefined;
    for (const server of [first, second]) {
      if (server !== undefined) await once(server.close(), 'close');
    }
    if (second !== undefined) return port;
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
