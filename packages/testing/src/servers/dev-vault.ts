import { randomUUID } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { chainPem, type TestCertificate } from '../pki/certificate.js';
import { KvStore, type KvData } from './kv-store.js';
import { listen, stopListening } from './listening.js';
import { decodePath, presentedToken, readJson, send } from './vault-http.js';
import { answerKv } from './vault-routes.js';
import {
  capabilitiesAnswer,
  errors,
  healthAnswer,
  invalidPathAnswer,
  mountAnswer,
  tokenAnswer,
  type VaultAnswer,
} from './vault-wire.js';

/** How {@link startDevVault} is set up. */
export interface DevVaultOptions {
  /** The one token that is accepted. @defaultValue `'dev-token'` */
  readonly token?: string;
  /** Where the KV v2 back end is mounted, without slashes at the ends. @defaultValue `'secret'` */
  readonly mount?: string;
  /** @defaultValue 0: a free one */
  readonly port?: number;
  /** Serves https with this chain, leaf first; the leaf needs `127.0.0.1` among its hosts. @defaultValue plain http */
  readonly tls?: { readonly chain: readonly TestCertificate[] };
}

/**
 * Answers in place of the vault. It may look at the request and return `false` to hand it on to the vault after all; it
 * may also never answer, which is how a hang is tested.
 */
export type DevVaultResponder = (request: IncomingMessage, response: ServerResponse) => unknown;

/**
 * A small server with the API of Vault's KV v2 back end: `data`, `metadata`, `delete`, `undelete` and `destroy` under
 * the mount, `sys/health`, `sys/internal/ui/mounts`, `sys/capabilities-self` and `auth/token/lookup-self`. State lives in memory. **Security:**
 * for tests only: one token, no policies, no encryption at rest.
 */
export class DevVault {
  /** `http://127.0.0.1:<port>` or `https://…`, as `VAULT_ADDR` wants it. */
  readonly address: string;
  /** The token that is accepted. */
  readonly token: string;
  /** Where the KV v2 back end is mounted. */
  readonly mount: string;
  readonly #server: Server;
  readonly #store = new KvStore();
  readonly #clusterId = randomUUID();
  readonly #startedAt = Date.now();
  #requests = 0;
  #sealed = false;
  #responder: DevVaultResponder | undefined;

  private constructor(options: DevVaultOptions, server: Server, port: number) {
    this.token = options.token ?? 'dev-token';
    this.mount = options.mount ?? 'secret';
    this.address = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
    this.#server = server;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** Starts a vault. Exported as `startDevVault`. */
  static async start(options: DevVaultOptions = {}): Promise<DevVault> {
    const server = createServer(options);
    return new DevVault(options, server, await listen(server, options.port ?? 0, '127.0.0.1'));
  }

  /** HTTP requests received so far, whatever their answer. */
  get requests(): number {
    return this.#requests;
  }

  /** Writes a new version; `path` is inside the mount (`tls-pins`, not `secret/tls-pins`). Returns its number. */
  write(path: string, data: KvData): number {
    return this.#store.write(path, data).version;
  }

  /** The newest version's data; `undefined` where there is none, or it is deleted or destroyed. */
  read(path: string): KvData | undefined {
    const newest = this.#store.version(path);
    if (newest === undefined || newest.deletionTime !== '' || newest.data === null) return undefined;
    return structuredClone(newest.data);
  }

  /** Deletes the newest version softly, as `vault kv delete` does; a read then is a 404 with metadata. */
  remove(path: string): void {
    this.#store.delete(path, [0]);
  }

  /** From now on every request is a 503, `sys/health` included. */
  seal(): void {
    this.#sealed = true;
  }

  /** Takes `seal` back; the data is still there. */
  unseal(): void {
    this.#sealed = false;
  }

  /** Injects faults: every request goes to `responder` first; `undefined` restores the vault. */
  respondWith(responder: DevVaultResponder | undefined): void {
    this.#responder = responder;
  }

  /** Drops every connection, hung ones too, and stops listening. Idempotent. */
  async close(): Promise<void> {
    const stopped = stopListening(this.#server);
    this.#server.closeAllConnections();
    await stopped;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests += 1;
    try {
      if (this.#responder !== undefined && (await this.#responder(request, response)) !== false) return;
      send(response, await this.#answer(request));
    } catch (error) {
      send(response, errors(500, `internal error: ${String(error)}`));
    }
  }

  async #answer(request: IncomingMessage): Promise<VaultAnswer> {
    const method = request.method ?? 'GET';
    const url = new URL(request.url ?? '/', this.address);
    const path = decodePath(url.pathname);
    if (path === '/v1/sys/health') return healthAnswer(this.#sealed, this.#clusterId);
    if (this.#sealed) return errors(503, 'Vault is sealed');
    if (path === undefined) return errors(400, 'invalid URL escape');
    if (presentedToken(request) !== this.token) return errors(403, 'permission denied');
    if (method === 'GET' && path === '/v1/auth/token/lookup-self')
      return tokenAnswer(this.token, this.#startedAt);
    if (method === 'POST' && path === '/v1/sys/capabilities-self')
      return capabilitiesAnswer(await readJson(request));
    if (method === 'GET' && path.startsWith('/v1/sys/internal/ui/mounts/')) return this.#describeMount(path);

    if (!path.startsWith('/v1/')) return errors(404);
    const route = path.slice('/v1/'.length);
    if (!route.startsWith(`${this.mount}/`)) {
      return errors(404, `no handler for route "${route}". route entry not found.`);
    }
    const [, endpoint, secret] = /^([^/]+)\/(.+)$/s.exec(route.slice(this.mount.length + 1)) ?? [];
    if (endpoint === undefined || secret === undefined) return invalidPathAnswer();
    const body = await readJson(request);
    if (body === undefined) return errors(400, 'failed to parse JSON input: invalid character');
    return answerKv(this.#store, { method, endpoint, path: secret, query: url.searchParams, body });
  }

  #describeMount(path: string): VaultAnswer {
    const asked = `${path.slice('/v1/sys/internal/ui/mounts/'.length).replace(/\/+$/, '')}/`;
    if (asked.startsWith(`${this.mount}/`)) return mountAnswer(this.mount);
    const hint = `please ensure client's policies grant access to path "${asked}"`;
    return errors(403, `preflight capability check returned 403, ${hint}`);
  }
}

/** Starts a vault on the loopback interface. */
export async function startDevVault(options: DevVaultOptions = {}): Promise<DevVault> {
  return DevVault.start(options);
}

function createServer(options: DevVaultOptions): Server {
  if (options.tls === undefined) return createHttpServer();
  const leaf = options.tls.chain[0];
  if (leaf === undefined) throw new TypeError('"tls.chain" must hold at least the leaf');
  return createHttpsServer({ key: leaf.key.privateKeyPem, cert: chainPem(...options.tls.chain) });
}
