import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainPem, createRootCa, type TestCertificate } from '@pinvault/testing';
import { openBao } from './open-bao-availability.js';
import { callApi, textAt, type ApiResponse } from './open-bao-api.js';
import { freePortPair, withFreePorts } from './open-bao-ports.js';
import { StartedProcess, until } from './processes.js';

/** One server of a cluster. */
export interface ClusterNode {
  /** `https://127.0.0.1:<port>`. */
  readonly address: string;
  /** The same server, on a port where it wants a client certificate that {@link OpenBaoCluster.clientCa} has issued. */
  readonly strictAddress: string;
  readonly leaf: TestCertificate;
}

interface Running extends ClusterNode {
  readonly port: number;
  readonly strictPort: number;
  readonly folder: string;
  process: StartedProcess | undefined;
}

/**
 * Real servers that share one raft storage: one is active, the others stand by. All over https, each with a key of its
 * own, under one CA. Its tokens and keys are worth nothing outside of a test.
 */
export class OpenBaoCluster {
  readonly root: TestCertificate;
  readonly clientCa: TestCertificate;
  readonly #binary: string;
  readonly #folder: string;
  readonly #nodes: Running[];
  #token = '';
  #unsealKey = '';

  private constructor(
    binary: string,
    folder: string,
    authorities: readonly [TestCertificate, TestCertificate],
    nodes: Running[],
  ) {
    this.#binary = binary;
    this.#folder = folder;
    [this.root, this.clientCa] = authorities;
    this.#nodes = nodes;
  }

  /** Starts so many servers, unsealed, with KV version 2 at `secret/`. */
  static async start(count: number): Promise<OpenBaoCluster> {
    return withFreePorts(async () => OpenBaoCluster.#start(count));
  }

  static async #start(count: number): Promise<OpenBaoCluster> {
    const found = openBao();
    if (!found.available) throw new Error(found.reason);
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-cluster-'));
    const root = await createRootCa({ subject: 'Vault CA' });
    const clientCa = await createRootCa({ subject: 'Client CA' });
    const nodes: Running[] = [];
    for (let index = 0; index < count; index += 1) {
      const [port, strictPort] = [await freePortPair(), await freePortPair()];
      nodes.push({
        port,
        strictPort,
        address: `https://127.0.0.1:${String(port)}`,
        strictAddress: `https://127.0.0.1:${String(strictPort)}`,
        leaf: await root.issue({ hosts: ['127.0.0.1', `vault-${String(index)}.test`] }),
        folder: join(folder, `node-${String(index)}`),
        process: undefined,
      });
    }
    const cluster = new OpenBaoCluster(found.path, folder, [root, clientCa], nodes);
    try {
      await cluster.#setUp();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  /** The root token. */
  get token(): string {
    return this.#token;
  }

  get addresses(): string[] {
    return this.#nodes.map(({ address }) => address);
  }

  /** The one that answers as active, once there is one. */
  async active(): Promise<ClusterNode> {
    return this.#nodeOfStatus(200);
  }

  /** One that stands by, once there is one. */
  async standby(): Promise<ClusterNode> {
    return this.#nodeOfStatus(429);
  }

  /** Ends one as a crash would (SIGKILL, by its pid). */
  async kill({ address }: ClusterNode): Promise<void> {
    const node = this.#find(address);
    await node.process?.kill();
    node.process = undefined;
  }

  /** Stops one in its tracks (SIGSTOP, by its pid): its connections stay, and nothing is answered. {@link kill} ends it. */
  freeze({ address }: ClusterNode): void {
    const { process: started } = this.#find(address);
    if (started === undefined) throw new TypeError(`the server at ${address} was killed`);
    process.kill(started.pid, 'SIGSTOP');
  }

  /** Seals one; the others go on. */
  async seal({ address }: ClusterNode): Promise<void> {
    await this.#must(address, 'PUT', 'sys/seal');
    await this.#waitForStatus(this.#find(address), (status) => status === 503);
  }

  async unseal({ address }: ClusterNode): Promise<void> {
    await this.#must(address, 'PUT', 'sys/unseal', { key: this.#unsealKey });
    await this.#waitForStatus(this.#find(address), (status) => status === 200 || status === 429);
  }

  /** One request to the active server with the root token. */
  async must(method: string, path: string, body?: unknown): Promise<unknown> {
    return this.#must((await this.active()).address, method, path, body);
  }

  async createToken(...policies: readonly string[]): Promise<string> {
    return textAt(await this.must('POST', 'auth/token/create', { policies }), 'auth', 'client_token');
  }

  /** Ends all of them and removes their data. */
  async stop(): Promise<void> {
    for (const node of this.#nodes) await this.kill(node);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #setUp(): Promise<void> {
    for (const node of this.#nodes) {
      await this.#launch(node);
      await this.#waitForStatus(node, (status) => status === 501 || status === 503);
    }
    const [first, ...others] = this.#nodes;
    if (first === undefined) throw new TypeError('a cluster without a server');
    const keys = await this.#must(first.address, 'PUT', 'sys/init', {
      secret_shares: 1,
      secret_threshold: 1,
    });
    this.#unsealKey = textAt(keys, 'keys_base64', 0);
    this.#token = textAt(keys, 'root_token');
    await this.unseal(first);
    for (const node of others) {
      // It joins by itself, and only then knows that there is a key.
      await this.#waitForStatus(node, (status) => status === 503);
      await this.unseal(node);
    }
    await this.#awaitVoters();
    await this.must('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
    // A standby answers reads itself, and learns of the mount and of its version a while later.
    for (const node of this.#nodes) {
      await until(
        async () => (await this.#api(node.address, 'GET', 'secret/data/none')).status === 404,
        () => node.process?.log() ?? '',
      );
    }
  }

  /** Only those who vote can take over; by default a newcomer may after ten seconds. */
  async #awaitVoters(): Promise<void> {
    await this.must('POST', 'sys/storage/raft/autopilot/configuration', { server_stabilization_time: '1s' });
    let voters = 0;
    await until(
      async () => {
        const answer = JSON.stringify(await this.must('GET', 'sys/storage/raft/configuration'));
        voters = answer.split('"voter":true').length - 1;
        return voters === this.#nodes.length;
      },
      () => `only ${String(voters)} servers vote`,
    );
  }

  async #launch(node: Running): Promise<void> {
    const data = join(node.folder, 'data');
    await mkdir(data, { recursive: true });
    const write = async (name: string, text: string): Promise<string> => {
      const file = join(node.folder, name);
      await writeFile(file, text);
      return file;
    };
    const ca = await write('ca.pem', this.root.pem);
    const tls = {
      tls_cert_file: await write('cert.pem', chainPem(node.leaf)),
      tls_key_file: await write('key.pem', node.leaf.key.privateKeyPem),
    };
    const others = this.#nodes.filter((other) => other !== node);
    const listeners = [
      { tcp: { address: `127.0.0.1:${String(node.port)}`, ...tls } },
      {
        tcp: {
          address: `127.0.0.1:${String(node.strictPort)}`,
          ...tls,
          tls_require_and_verify_client_cert: true,
          tls_client_ca_file: await write('client-ca.pem', this.clientCa.pem),
        },
      },
    ];
    const configuration = await write(
      'server.json',
      JSON.stringify({
        storage: {
          raft: {
            path: data,
            node_id: String(node.port),
            performance_multiplier: '1',
            retry_join: others.map(({ address }) => ({ leader_api_addr: address, leader_ca_cert_file: ca })),
          },
        },
        listener: listeners,
        // Else a standby would answer reads itself, and never forward or redirect one.
        disable_standby_reads: true,
        api_addr: node.address,
        cluster_addr: `https://127.0.0.1:${String(node.port + 1)}`,
      }),
    );
    // Nothing of ours: a VAULT_* or BAO_* variable would change the server, and a HOME its token file.
    const env = {
      HOME: node.folder,
      BAO_TOKEN_PATH: join(node.folder, 'token'),
      PATH: process.env['PATH'] ?? '',
    };
    node.process = new StartedProcess(this.#binary, ['server', `-config=${configuration}`], { env });
  }

  #find(address: string): Running {
    const node = this.#nodes.find((each) => each.address === address);
    if (node === undefined) throw new TypeError(`no server at ${address}`);
    return node;
  }

  async #nodeOfStatus(wanted: number): Promise<Running> {
    let found: Running | undefined;
    const look = async (): Promise<boolean> => {
      for (const node of this.#nodes)
        if (node.process !== undefined && (await this.#health(node)) === wanted) found ??= node;
      return found !== undefined;
    };
    await until(look, () => this.#nodes.map((node) => node.process?.log() ?? 'killed').join('\n'));
    return found as Running;
  }

  async #waitForStatus(node: Running, isWanted: (status: number) => boolean): Promise<void> {
    let status = 0;
    const check = async (): Promise<boolean> => {
      if (node.process?.hasEnded === true) throw new Error(`OpenBao has ended\n${node.process.log()}`);
      return isWanted((status = await this.#health(node)));
    };
    await until(
      check,
      () => `the health of ${node.address} is ${String(status)}\n${node.process?.log() ?? ''}`,
    );
  }

  // 200 active, 429 standby, 501 not initialised, 503 sealed; 0 for no answer yet
  async #health({ address }: ClusterNode): Promise<number> {
    try {
      return (await this.#api(address, 'GET', 'sys/health', undefined, '')).status;
    } catch {
      return 0;
    }
  }

  async #api(
    address: string,
    method: string,
    path: string,
    body?: unknown,
    token: string = this.#token,
  ): Promise<ApiResponse> {
    return callApi({ address, method, path, body, token, ca: this.root.pem });
  }

  async #must(address: string, method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.#api(address, method, path, body);
    if (response.status < 300) return response.body;
    throw new Error(
      `OpenBao answered ${method} ${path} with ${String(response.status)} ${JSON.stringify(response.body)}`,
    );
  }
}
