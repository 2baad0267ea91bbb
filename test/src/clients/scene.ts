import {
  askedOnly,
  createMemoryProvider,
  createRootCa,
  type MemoryProvider,
  type TestCertificate,
} from '@pinvault/testing';
import { createPinResolver, type PinResolver } from 'pinvault';
import type { Client, Place, ServerName } from './client.js';
import { startGrpcServer } from './servers/grpc-server.js';
import { findProgram, type RealServer } from './servers/program.js';
import { type RealServerName, realServers, whyMissing } from './servers/real-servers.js';
import { kafkaAnswer, mongoAnswer, webSocketAnswer } from './servers/wire-true.js';
import { type Behind, TlsFront } from './tls-front.js';

const host = 'localhost';

/** Why the tests of this server cannot run here; `undefined` where they can. */
export async function whyNoServer(name: ServerName): Promise<string | undefined> {
  return name in realServers ? whyMissing(name as RealServerName) : undefined;
}

/** One server behind its front, and pins for it. */
export class Scene {
  readonly front: TlsFront;
  readonly #provider: MemoryProvider;
  readonly pins: PinResolver;
  readonly leaf: TestCertificate;
  readonly next: TestCertificate;
  readonly #root: TestCertificate;

  private constructor(parts: {
    root: TestCertificate;
    leaf: TestCertificate;
    next: TestCertificate;
    front: TlsFront;
    provider: MemoryProvider;
    pins: PinResolver;
  }) {
    this.#root = parts.root;
    this.leaf = parts.leaf;
    this.next = parts.next;
    this.front = parts.front;
    this.#provider = parts.provider;
    this.pins = parts.pins;
  }

  static async open(
    behind: Behind | ((port: () => number) => Behind),
    protocols: readonly string[] = [],
  ): Promise<Scene> {
    const root = await createRootCa({ subject: 'Example Root' });
    const leaf = await root.issue({ hosts: [host] });
    const next = await root.issue({ hosts: [host] });
    const made: { front?: TlsFront } = {};
    const front = await TlsFront.start(
      leaf,
      typeof behind === 'function' ? behind(() => made.front?.port ?? 0) : behind,
      protocols,
    );
    made.front = front;
    const provider = createMemoryProvider({ [host]: leaf.pin });
    const pins = await createPinResolver({ provider, warnings: false, ...askedOnly }, {});
    return new Scene({ root, leaf, next, front, provider, pins });
  }

  /** From now on these keys are pinned, and in force. */
  async pin(...certificates: readonly TestCertificate[]): Promise<void> {
    await this.pinText(certificates.map(({ pin }) => pin).join(' '));
  }

  /** From now on the row of the host says this, and is in force. */
  async pinText(row: string): Promise<void> {
    this.#provider.write({ [host]: row });
    await this.pins.refresh();
  }

  /** The pin of the CA that has issued both keys. */
  get caPin(): string {
    return `ca:${this.#root.pin}`;
  }

  place(proxy?: string): Place {
    return { host, port: this.front.port, ca: this.#root.pem, ...(proxy !== undefined && { proxy }) };
  }

  /** What came of one connection: nothing, or the error. */
  async ask(client: Client, proxy?: string): Promise<unknown> {
    return outcomeOf(client.ask(this.pins, this.place(proxy)));
  }

  /** A client that is kept, and what comes of its questions; or a new client for each, where it keeps no sessions. */
  keep(client: Client): { ask(): Promise<unknown>; close(): Promise<void> } {
    const kept = client.keep?.(this.pins, this.place());
    return {
      ask: async () => (kept === undefined ? this.ask(client) : outcomeOf(kept.ask())),
      close: async () => kept?.close(),
    };
  }

  async close(): Promise<void> {
    await this.pins.close();
    await this.front.close();
  }
}

async function outcomeOf(answer: Promise<void>): Promise<unknown> {
  return answer.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** What a front negotiates for this server. */
export function protocolsOf(name: ServerName): readonly string[] {
  return name === 'grpc' || name === 'nginxHttp2' ? ['h2'] : [];
}

/** Servers that were started for the run, each once. */
export class Servers {
  readonly #behind = new Map<ServerName, Promise<Behind | ((port: () => number) => Behind)>>();
  readonly #started: RealServer[] = [];

  async behind(name: ServerName): Promise<Behind | ((port: () => number) => Behind)> {
    const known = this.#behind.get(name) ?? this.#start(name);
    this.#behind.set(name, known);
    return known;
  }

  async #start(name: ServerName): Promise<Behind | ((port: () => number) => Behind)> {
    if (name === 'mongo') return { answer: mongoAnswer };
    if (name === 'kafka') return (port) => ({ answer: kafkaAnswer(port) });
    if (name === 'webSocket') return { answer: webSocketAnswer };
    if (name === 'grpc') {
      const server = await startGrpcServer();
      this.#started.push(server);
      return { port: server.port };
    }
    const program = await findProgram(realServers[name].program);
    if (program === undefined) throw new Error(await whyMissing(name));
    const root = await createRootCa({ subject: 'Example Root' });
    const { server, behind } = await realServers[name].start(program, {
      leaf: await root.issue({ hosts: [host] }),
      ca: root.pem,
    });
    this.#started.push(server);
    return behind;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#started.map(async (server) => server.stop()));
  }
}
