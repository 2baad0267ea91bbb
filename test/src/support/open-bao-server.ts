import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBao } from './open-bao-availability.js';
import { callApi, textAt, type ApiResponse } from './open-bao-api.js';
import { freePortPair, withFreePorts } from './open-bao-ports.js';
import { StartedProcess, until } from './processes.js';

/**
 * `dev`: http, everything in memory, unsealed. `dev-tls`: the same over https. `persistent`: http, raft storage, so
 * that data outlives the process. All three have KV v2 at `secret/`.
 */
export type OpenBaoMode = 'dev' | 'dev-tls' | 'persistent';

const devToken = 'root';

export async function startOpenBao(options: { readonly mode: OpenBaoMode }): Promise<OpenBaoServer> {
  const found = openBao();
  if (!found.available) throw new Error(found.reason);
  return withFreePorts(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-openbao-'));
    const server = new OpenBaoServer(found.path, folder, options.mode, await freePortPair());
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  });
}

/** A real server that belongs to one test file. Its tokens and keys are worth nothing outside of it. */
export class OpenBaoServer {
  readonly address: string;
  /** The CA to trust, where the server speaks https. */
  readonly caPath: string | undefined;
  readonly #binary: string;
  readonly #folder: string;
  readonly #mode: OpenBaoMode;
  readonly #port: number;
  #process: StartedProcess | undefined;
  #earlierLog = '';
  #ca: string | undefined;
  #token = devToken;
  #unsealKey = '';

  constructor(binary: string, folder: string, mode: OpenBaoMode, port: number) {
    this.#binary = binary;
    this.#folder = folder;
    this.#mode = mode;
    this.#port = port;
    this.address = `${mode === 'dev-tls' ? 'https' : 'http'}://127.0.0.1:${String(port)}`;
    this.caPath = mode === 'dev-tls' ? join(folder, 'tls', 'vault-ca.pem') : undefined;
  }

  /** The root token. */
  get token(): string {
    return this.#token;
  }

  get pid(): number {
    if (!this.#process) throw new Error('the server is not running');
    return this.#process.pid;
  }

  /** What the server has printed, over all its lives. */
  log(): string {
    return this.#earlierLog + (this.#process?.log() ?? '');
  }

  /**
   * Starts the server again on the same port, ready and unsealed. `persistent` still knows its secrets; the dev modes
   * have forgotten theirs, and `dev-tls` has a new CA at the same path.
   */
  async restart(): Promise<void> {
    await this.#end('stop');
    this.#process = new StartedProcess(this.#binary, await this.#serverArgs(), { env: this.#environment() });
    await this.#waitForStatus((status) => status !== 0);
    if (this.#mode !== 'persistent') {
      await this.#waitForDevSetUp();
    } else if (this.#unsealKey === '') {
      await this.#initialize();
    } else {
      await this.unseal();
    }
  }

  /** Ends the server for good and removes its data. */
  async stop(): Promise<void> {
    // an orderly end takes half a second, and nobody will read this data again
    await this.#end('kill');
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Ends the server as a crash would (SIGKILL). Its data stays, for `restart`. */
  async kill(): Promise<void> {
    await this.#end('kill');
  }

  async seal(): Promise<void> {
    await this.#must('PUT', 'sys/seal');
    await this.#waitForStatus((status) => status === 503);
  }

  async unseal(): Promise<void> {
    await this.#must('PUT', 'sys/unseal', { key: this.#unsealKey });
    await this.#waitForStatus((status) => status === 200);
  }

  /** One request with the root token, or with `token`; an empty one sends none. `path` is without `/v1/`. */
  async api(method: string, path: string, body?: unknown, token: string = this.#token): Promise<ApiResponse> {
    return callApi({ address: this.address, method, path, body, token, ca: this.#ca });
  }

  async createToken(options: {
    readonly policies: readonly string[];
    readonly ttl?: string;
  }): Promise<string> {
    return textAt(await this.#must('POST', 'auth/token/create', options), 'auth', 'client_token');
  }

  async putPolicy(name: string, hcl: string): Promise<void> {
    await this.#must('PUT', `sys/policies/acl/${name}`, { policy: hcl });
  }

  // the server answers before it has mounted secret/ and said its key
  async #waitForDevSetUp(): Promise<void> {
    const isSetUp = async (): Promise<boolean> => {
      this.#unsealKey = /^Unseal Key: (\S+)$/m.exec(this.#process?.log() ?? '')?.[1] ?? '';
      return this.#unsealKey !== '' && (await this.#isMounted());
    };
    await until(isSetUp, () => this.log());
  }

  async #initialize(): Promise<void> {
    const keys = await this.#must('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    this.#unsealKey = textAt(keys, 'keys_base64', 0);
    this.#token = textAt(keys, 'root_token');
    await this.unseal();
    await this.#must('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
    await until(
      () => this.#isMounted(),
      () => this.log(),
    );
  }

  // the mount answers 400 while it upgrades itself to version 2
  async #isMounted(): Promise<boolean> {
    return (await this.api('GET', 'secret/config')).status === 200;
  }

  async #end(how: 'stop' | 'kill'): Promise<void> {
    const process = this.#process;
    if (!process) return;
    this.#process = undefined;
    await process[how]();
    this.#earlierLog += process.log();
  }

  async #must(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.api(method, path, body);
    if (response.status < 300) return response.body;
    const answer = `${String(response.status)} ${JSON.stringify(response.body)}`;
    throw new Error(`OpenBao answered ${method} ${path} with ${answer}\n${this.log()}`);
  }

  // 200 active, 429 standby, 501 not initialised, 503 sealed; 0 for no answer yet
  async #waitForStatus(isWanted: (status: number) => boolean): Promise<void> {
    let status = 0;
    const check = async (): Promise<boolean> => {
      if (this.#process?.hasEnded !== false) throw new Error(`OpenBao has ended\n${this.log()}`);
      status = await this.#healthStatus();
      return isWanted(status);
    };
    await until(check, () => `OpenBao's health is ${String(status)}\n${this.log()}`);
  }

  async #healthStatus(): Promise<number> {
    try {
      if (this.caPath) this.#ca = await readFile(this.caPath, 'utf8');
      return (await this.api('GET', 'sys/health', undefined, '')).status;
    } catch {
      return 0;
    }
  }

  async #serverArgs(): Promise<readonly string[]> {
    const listen = `127.0.0.1:${String(this.#port)}`;
    if (this.#mode === 'persistent') return ['server', `-config=${await this.#writeConfiguration(listen)}`];
    const dev = [`-dev-root-token-id=${devToken}`, `-dev-listen-address=${listen}`, '-dev-no-store-token'];
    if (this.#mode === 'dev') return ['server', '-dev', ...dev];
    const tlsFolder = join(this.#folder, 'tls');
    // a CA left from the last life would be trusted before the new one is written
    await rm(tlsFolder, { recursive: true, force: true });
    await mkdir(tlsFolder);
    return ['server', '-dev-tls', `-dev-tls-cert-dir=${tlsFolder}`, ...dev];
  }

  async #writeConfiguration(listen: string): Promise<string> {
    const data = join(this.#folder, 'data');
    await mkdir(data, { recursive: true });
    const file = join(this.#folder, 'server.json');
    const configuration = {
      // the default multiplier of 5 makes a lone node wait many seconds for its own election
      storage: { raft: { path: data, node_id: 'only', performance_multiplier: '1' } },
      listener: { tcp: { address: listen, tls_disable: true } },
      api_addr: this.address,
      // the dev modes have it switched on
      ui: true,
      cluster_addr: `https://127.0.0.1:${String(this.#port + 1)}`,
    };
    await writeFile(file, JSON.stringify(configuration));
    return file;
  }

  // nothing of ours: a VAULT_* or BAO_* variable would change the server, and a HOME its token file
  #environment(): NodeJS.ProcessEnv {
    return { HOME: this.#folder, BAO_TOKEN_PATH: join(this.#folder, 'token'), PATH: process.env['PATH'] };
  }
}
