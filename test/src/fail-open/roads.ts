import type { OutgoingHttpHeaders } from 'node:http';
import https, { type RequestOptions } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, type ConnectionOptions } from 'node:tls';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { findPinError, PinnedAgent, type PinSource, type PinResolver } from 'pinvault';

export const host = 'api.example.test';

/** A server under a CA that this machine trusts, and certificates of the same name for pins and for impostors. */
export class Site {
  readonly root: TestCertificate;
  readonly leaf: TestCertificate;
  readonly other: TestCertificate;
  readonly server: TestTlsServer;

  private constructor(
    root: TestCertificate,
    leaf: TestCertificate,
    other: TestCertificate,
    server: TestTlsServer,
  ) {
    this.root = root;
    this.leaf = leaf;
    this.other = other;
    this.server = server;
  }

  static async start(): Promise<Site> {
    const root = await createRootCa({ subject: 'Example Root' });
    const [leaf, other] = [await root.issue({ hosts: [host] }), await root.issue({ hosts: [host] })];
    return new Site(root, leaf, other, await startTlsServer({ chain: [leaf] }));
  }

  /** What every client of the site is told. */
  get options(): { host: string; port: number; ca: string; lookup: typeof loopbackLookup } {
    return { host, port: this.server.port, ca: this.root.pem, lookup: loopbackLookup };
  }
}

/** What came of one attempt: `code` of the refusal, or its name where it has none; nothing where it went through. */
export interface Attempt {
  readonly isRefused: boolean;
  readonly code: string | undefined;
  /** Application bytes that reached the server. */
  readonly bytes: number;
}

const body = Buffer.alloc(200_000, 'x');
const headers = { authorization: 'Bearer canary' };

// A whole request: a server that does not understand what it reads resets the connection, which looks like a refusal.
const message = Buffer.concat([
  Buffer.from(
    `POST / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
  ),
  body,
]);

/** What was on its way when the client refused has arrived by the end of its connection. */
async function untilNothingArrives({ server }: Site): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (server.openConnections > 0) {
    if (performance.now() > deadline) throw new Error('refused, and the connection is still open');
    await wait(1);
  }
}

async function attempt(site: Site, run: () => Promise<unknown>): Promise<Attempt> {
  const before = site.server.applicationBytes;
  const failure = await run().catch((error: unknown) => error ?? new Error('refused with nothing'));
  if (failure !== undefined) await untilNothingArrives(site);
  return {
    isRefused: failure !== undefined,
    code: failure === undefined ? undefined : codeOf(failure),
    bytes: site.server.applicationBytes - before,
  };
}

function codeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return findPinError(error)?.code ?? code ?? name;
}

/** A large POST; rejects with the request's error, resolves where an answer came. */
async function post(
  options: RequestOptions,
  onError: (error: Error) => void = () => undefined,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const request = https.request(
      { method: 'POST', ...options, headers: { ...headers, ...(options.headers as OutgoingHttpHeaders) } },
      (response) => {
        response.resume().on('end', resolve);
      },
    );
    request.on('error', reject);
    request.on('error', onError);
    request.end(body);
  });
}

/** Ways in which a client gets pins, and what somebody adds to the options of its request or connection. */
export const roads = {
  /** A request through a `PinnedAgent`. */
  agent: async (
    site: Site,
    pins: PinSource,
    addition: RequestOptions,
    onError?: (error: Error) => void,
  ): Promise<Attempt> => {
    const agent = new PinnedAgent(pins, { ca: site.root.pem, lookup: loopbackLookup });
    try {
      return await attempt(site, () => post({ ...site.options, ...addition, agent }, onError));
    } finally {
      agent.destroy();
    }
  },
  /** A request without an agent, `tlsOptions()` among its own. */
  request: async (
    site: Site,
    pins: PinSource,
    addition: RequestOptions,
    onError?: (error: Error) => void,
  ): Promise<Attempt> => {
    const pinned = tlsOptions(site, pins);
    return attempt(site, () => post({ ...site.options, agent: false, ...pinned, ...addition }, onError));
  },
  /** A driver: `tls.connect`, and a write before the handshake is over. */
  connect: async (
    site: Site,
    pins: PinSource,
    addition: ConnectionOptions,
    onError: (error: Error) => void = () => undefined,
  ): Promise<Attempt> => {
    const pinned = tlsOptions(site, pins);
    return attempt(
      site,
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect({ ...site.options, ...pinned, ...addition });
          socket.once('error', reject);
          socket.on('error', onError);
          socket.once('secureConnect', () => socket.end());
          socket.resume().once('close', () => resolve());
          socket.write(message);
        }),
    );
  },
} as const;

export type Road = keyof typeof roads;

function tlsOptions({ server }: Site, pins: PinSource): ConnectionOptions {
  if (!('tlsOptions' in pins)) throw new TypeError('only a resolver has TLS options');
  return (pins as PinResolver).tlsOptions({ host, port: server.port });
}

/** Without pins, whatever the certificate: shows that the server takes what it is sent. */
export async function unpinned(site: Site): Promise<Attempt> {
  return attempt(site, () => post({ ...site.options, agent: false, rejectUnauthorized: false }));
}
