import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
  VirtualClock,
} from '@pinvault/testing';
import {
  createPinResolver,
  type CreatePinResolverOptions,
  PinnedAgent,
  pinErrorCode,
  type PinResolver,
} from 'pinvault';
import { FaultProxy } from './fault-proxy.js';
import type { OpenBaoServer } from './open-bao.js';
import { seededRandom } from './seeded-random.js';

const secret = 'secret/data/tls-pins';

/** What became of requests. */
export interface Requests {
  readonly sent: number;
  /** Not answered with 200, by what they met. */
  readonly failures: readonly string[];
}

/**
 * A service under a clock of its own: it calls a pinned server over real sockets, and reads its pins from a real vault
 * through a proxy that breaks what it is told to break. Hours of its clock pass in seconds of ours.
 */
export class OutageScene {
  readonly host = 'api.example.test';
  readonly clock = new VirtualClock(Date.now());
  readonly vault: OpenBaoServer;
  readonly proxy: FaultProxy;
  readonly server: TestTlsServer;
  readonly leaf: TestCertificate;
  readonly #root: TestCertificate;
  readonly #resolvers: PinResolver[] = [];
  #agent: PinnedAgent | undefined;

  private constructor(parts: {
    vault: OpenBaoServer;
    proxy: FaultProxy;
    server: TestTlsServer;
    root: TestCertificate;
    leaf: TestCertificate;
  }) {
    this.vault = parts.vault;
    this.proxy = parts.proxy;
    this.server = parts.server;
    this.leaf = parts.leaf;
    this.#root = parts.root;
  }

  /** `keepAlive: false`: each request needs a handshake, and so the pins. */
  static async set(vault: OpenBaoServer, { keepAlive = false } = {}): Promise<OutageScene> {
    const root = await createRootCa({ subject: 'Example Root' });
    const leaf = await root.issue({ hosts: ['api.example.test'] });
    const server = await startTlsServer({
      chain: [leaf],
      respond: (_request, response) =>
        void response.writeHead(200, keepAlive ? {} : { connection: 'close' }).end('ok'),
    });
    const scene = new OutageScene({
      vault,
      proxy: await FaultProxy.start(vault.address),
      server,
      root,
      leaf,
    });
    await scene.write({ [scene.host]: leaf.pin });
    return scene;
  }

  async write(rows: Readonly<Record<string, string>>): Promise<void> {
    const { status } = await this.vault.api('POST', secret, { data: rows });
    if (status !== 200) throw new Error(`the vault answered the write with ${status}`);
  }

  /** The service starts. Its random numbers are the same in every run. */
  async start(options: CreatePinResolverOptions = {}): Promise<PinResolver> {
    const environment = { VAULT_ADDR: `http://localhost:${this.proxy.port}` };
    const starting = createPinResolver(
      {
        provider: 'vault',
        // One connection is one read: the vault is asked nothing else, not even how long the token lives.
        vault: { path: 'secret/tls-pins', kvVersion: 2, events: false, token: () => this.vault.token },
        warnings: false,
        clock: this.clock,
        random: seededRandom(1),
        ...options,
      },
      environment,
    );
    const pins = await this.#whileTimePasses(starting);
    this.#resolvers.push(pins);
    this.#agent = new PinnedAgent(pins, { ca: this.#root.pem, lookup: loopbackLookup, maxSockets: 50 });
    return pins;
  }

  /** Time goes on; each read that it brings is finished, or stalls, before it goes on again. */
  async pass(milliseconds: number): Promise<void> {
    await this.clock.advance(milliseconds, () => this.#settled());
  }

  /** So many requests at once, now. */
  async request(count: number): Promise<Requests> {
    const agent = this.#agent as PinnedAgent;
    const outcomes = Array.from({ length: count }, () => this.#one(agent));
    const all = await this.#whileTimePasses(Promise.all(outcomes));
    return { sent: count, failures: all.filter((outcome) => outcome !== '200') };
  }

  async close(): Promise<void> {
    this.#agent?.destroy();
    await this.#whileTimePasses(Promise.all(this.#resolvers.map((pins) => pins.close())));
    await this.proxy.close();
    await this.server.close();
  }

  async #one(agent: PinnedAgent): Promise<string> {
    try {
      const request = get(`https://${this.host}:${this.server.port}/`, { agent });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return String(response.statusCode);
    } catch (error) {
      return pinErrorCode(error) ?? (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }

  /** What waits by the clock, as a held request does, gets its time: no more than the machine takes meanwhile. */
  async #whileTimePasses<Value>(promise: Promise<Value>): Promise<Value> {
    const state = { isDone: false };
    const done = (): void => void (state.isDone = true);
    promise.then(done, done);
    for (let before = performance.now(); !state.isDone;) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const now = performance.now();
      if (!state.isDone) await this.clock.advance(now - before);
      before = now;
    }
    return promise;
  }

  async #settled(): Promise<void> {
    for (const pins of this.#resolvers) {
      const deadline = performance.now() + 5_000;
      while (pins.status().nextRefreshAt === null && !pins.status().isClosed && this.proxy.stalled === 0) {
        if (performance.now() > deadline) throw new Error('a read neither ends nor stalls');
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
