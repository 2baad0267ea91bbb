import {
  type Clock,
  createStaticProvider,
  pinErrorCode,
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
import type { Dispatcher } from 'undici';
import type { PinnedDispatcher, PinnedDispatcherOptions } from '#src/index.js';
import { type H2Server, startH2Server } from './h2-server.js';
import type { Major } from './majors.js';

export const host = 'api.example.test';

/** What came back from a request: `200 ok`, or the code of the error. */
export type Answer = string;

/** What one server tells, whichever protocol it speaks. */
export type CountingServer = Pick<
  TestTlsServer,
  'port' | 'connections' | 'resumed' | 'applicationBytes' | 'requests' | 'use' | 'close' | 'closeConnections'
>;

export interface SceneOptions {
  readonly dispatcher?: PinnedDispatcherOptions;
  readonly server?: Omit<TlsServerOptions, 'chain'>;
  readonly pins?: ResolverOptions;
}

/** A service with pins, and a server to talk to; the old leaf is served and pinned. */
export class Scene<Server extends CountingServer = TestTlsServer> {
  readonly root: TestCertificate;
  readonly oldLeaf: TestCertificate;
  readonly newLeaf: TestCertificate;
  readonly server: Server;
  readonly provider: StaticPinProvider;
  readonly pins: PinResolver;
  readonly dispatcher: PinnedDispatcher;

  private constructor(
    parts: Pick<
      Scene<Server>,
      'root' | 'oldLeaf' | 'newLeaf' | 'server' | 'provider' | 'pins' | 'dispatcher'
    >,
  ) {
    ({
      root: this.root,
      oldLeaf: this.oldLeaf,
      newLeaf: this.newLeaf,
      server: this.server,
      provider: this.provider,
      pins: this.pins,
      dispatcher: this.dispatcher,
    } = parts);
  }

  static async start({ pinned }: Major, options: SceneOptions = {}): Promise<Scene> {
    return Scene.#with(pinned, options, (chain) => startTlsServer({ chain, ...options.server }));
  }

  /** Over HTTP/2. */
  static async startH2({ pinned }: Major, options: SceneOptions = {}): Promise<Scene<H2Server>> {
    const { respond } = options.server ?? {};
    const dispatcher = { allowH2: true, ...options.dispatcher };
    return Scene.#with(pinned, { ...options, dispatcher }, (chain) => startH2Server(chain, respond));
  }

  static async #with<Server extends CountingServer>(
    { PinnedDispatcher: Pinned }: Major['pinned'],
    options: SceneOptions,
    startServer: (chain: readonly TestCertificate[]) => Promise<Server>,
  ): Promise<Scene<Server>> {
    const root = await createRootCa({ subject: 'Example Root' });
    const oldLeaf = await root.issue({ subject: host, hosts: [host] });
    const newLeaf = await root.issue({ subject: host, hosts: [host] });
    const server = await startServer([oldLeaf]);
    const provider = createStaticProvider({ [host]: oldLeaf.pin });
    const pins = await PinResolver.create(provider, {
      warnings: false,
      clock: machineClock(),
      ...askedOnly,
      ...options.pins,
    });
    const dispatcher = new Pinned(pins, {
      ...options.dispatcher,
      connect: { ca: root.pem, lookup: loopbackLookup, ...options.dispatcher?.connect },
    });
    return new Scene({ root, oldLeaf, newLeaf, server, provider, pins, dispatcher });
  }

  get origin(): string {
    return `https://${host}:${this.server.port}`;
  }

  /** Puts other rows in force. */
  async rotate(rows: Readonly<Record<string, string>>): Promise<void> {
    this.provider.update(rows);
    const result = await this.pins.refresh();
    if (result.outcome !== 'rotated') throw new Error(`not rotated but ${result.outcome}`);
  }

  /** One request by undici; never rejects. A turn after its end the connection is back in the pool. */
  async get(options: Partial<Dispatcher.RequestOptions> = {}): Promise<Answer> {
    return answerOf(async () => {
      const request = { origin: this.origin, path: '/', method: 'GET', ...options } as const;
      const { statusCode, body } = await this.dispatcher.request(request);
      return `${statusCode} ${await body.text()}`;
    });
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
    await this.pins.close();
    await this.server.close();
  }
}

/** `200 ok`, or the code of the error: ours, wherever it is. */
export async function answerOf(request: () => Promise<string>): Promise<Answer> {
  let answer: string;
  try {
    answer = await request();
  } catch (error) {
    answer = pinErrorCode(error) ?? (error as NodeJS.ErrnoException).code ?? String(error);
  }
  await turns(2);
  return answer;
}

/** Waits a few turns of the event loop: undici frees a connection in the one after its response. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for what servers and clients do by themselves. @throws Error where it has not happened in five seconds */
export async function until(condition: () => boolean): Promise<void> {
  const endsAt = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > endsAt) throw new Error(`never: ${String(condition)}`);
    await turns(1);
  }
}

/** The machine's time, as a clock of one's own: what mismatches may read is counted for each clock, over all tests. */
export function machineClock(): Clock {
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
