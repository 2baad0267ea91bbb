import https from 'node:https';
import {
  createStaticProvider,
  type Clock,
  PinResolver,
  type ResolverOptions,
  type StaticPinProvider,
} from '@pinvault/core';
import {
  askedOnly,
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
  type TlsServerOptions,
} from '@pinvault/testing';
import { PinnedAgent, type PinnedAgentOptions } from '#src/index.js';

export const host = 'api.example.test';

/** What came back from a request. */
export type Answer = { readonly status: number; readonly text: string } | { readonly error: Error };

/** A service with pins, and a server to talk to. */
export class PinnedService {
  readonly root: TestCertificate;
  readonly oldLeaf: TestCertificate;
  readonly newLeaf: TestCertificate;
  readonly server: TestTlsServer;
  readonly provider: StaticPinProvider;
  readonly pins: PinResolver;
  readonly agent: PinnedAgent;

  private constructor(
    parts: Pick<PinnedService, 'root' | 'oldLeaf' | 'newLeaf' | 'server' | 'provider' | 'pins' | 'agent'>,
  ) {
    ({
      root: this.root,
      oldLeaf: this.oldLeaf,
      newLeaf: this.newLeaf,
      server: this.server,
      provider: this.provider,
      pins: this.pins,
      agent: this.agent,
    } = parts);
  }

  /** The old leaf is served and pinned. */
  static async start(
    options: {
      readonly agent?: PinnedAgentOptions;
      readonly server?: Omit<TlsServerOptions, 'chain'>;
      readonly pins?: ResolverOptions;
    } = {},
  ): Promise<PinnedService> {
    const root = await createRootCa({ subject: 'Example Root' });
    const oldLeaf = await root.issue({ subject: host, hosts: [host] });
    const newLeaf = await root.issue({ subject: host, hosts: [host] });
    const server = await startTlsServer({ chain: [oldLeaf], ...options.server });
    const provider = createStaticProvider({ [host]: oldLeaf.pin });
    const pins = await PinResolver.create(provider, {
      warnings: false,
      clock: machineClock(),
      ...askedOnly,
      ...options.pins,
    });
    const agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup, ...options.agent });
    return new PinnedService({ root, oldLeaf, newLeaf, server, provider, pins, agent });
  }

  /** Puts other rows in force. */
  async rotate(rows: Readonly<Record<string, string>>): Promise<void> {
    this.provider.update(rows);
    const result = await this.pins.refresh();
    if (result.outcome !== 'rotated') throw new Error(`not rotated but ${result.outcome}`);
  }

  /** One request; never rejects. */
  async get(options: https.RequestOptions = {}): Promise<Answer> {
    return request({ host, port: this.server.port, agent: this.agent, ...options });
  }

  get idle(): number {
    return Object.values(this.agent.freeSockets).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);
  }

  async close(): Promise<void> {
    this.agent.destroy();
    await this.pins.close();
    await this.server.close();
  }
}

/** One request; never rejects. */
export async function request(options: https.RequestOptions, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    const sent = https.request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', (error) => resolve({ error }));
      // A turn later the connection is back in the pool.
      response.on('end', () => setImmediate(() => resolve({ status: response.statusCode ?? 0, text })));
    });
    sent.on('error', (error) => resolve({ error }));
    sent.end(body);
  });
}

/** The code of the error that an answer is; `undefined` for a response. */
export function codeOf(answer: Answer): string | undefined {
  return 'error' in answer ? (answer.error as NodeJS.ErrnoException).code : undefined;
}

/** The machine's time, as a clock of one's own: what mismatches may read is counted for each clock, over all tests. */
function machineClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(delayMs, callback, keepAlive = false) {
      const timer = setTimeout(callback, delayMs);
      if (!keepAlive) timer.unref();
      return { cancel: () => clearTimeout(timer) };
    },
  };
}

/** A clock that stands until it is moved; its timers never fire. */
export class StandingClock implements Clock {
  // The certificates of the tests are minted now.
  #now = Date.now();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(): { cancel(): void } {
    return { cancel: () => undefined };
  }

  move(milliseconds: number): void {
    this.#now += milliseconds;
  }
}
