import { setTimeout as wait } from 'node:timers/promises';
import https, { type RequestOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { PinnedAgent, PinResolver } from 'pinvault';
import { createStaticProvider } from '@pinvault/core';
import { createRootCa, loopbackLookup, startTlsServer, type TestCertificate } from '@pinvault/testing';

/** How much is asked of the agents, and how fast the pins change meanwhile. */
export interface StressOptions {
  readonly requests: number;
  readonly rotationMs: number;
  /** Goes on until there were so many: how many come with the requests alone is a matter of the machine. */
  readonly atLeast?: { readonly rotations: number; readonly resumed: number };
}

/** However much is missing: a test that does not get there says so, and does not go on for ever. */
const limitMs = 40_000;

export interface StressResult {
  readonly requests: number;
  readonly rotations: number;
  readonly connections: number;
  readonly resumed: number;
  /** Requests that went over a connection whose pin had been removed before they were made. */
  readonly onRemovedPin: number;
  /** Code or message of each request that failed: nothing here gives a plain agent a reason to fail. */
  readonly lost: readonly string[];
}

const host = 'api.example.test';

/**
 * Requests over a warm pool with a queue, and over connections of their own, while the key is rotated all the time: the
 * new pin is added, the server changes its key, the old pin is removed. The server resumes sessions of either key, as a
 * fleet does that shares its ticket keys.
 */
export async function stress({ requests, rotationMs, atLeast }: StressOptions): Promise<StressResult> {
  const root = await createRootCa({ subject: 'Example Root' });
  const leaves = await Promise.all([0, 1].map(() => root.issue({ subject: host, hosts: [host] })));
  const [first, second] = leaves as [TestCertificate, TestCertificate];
  const server = await startTlsServer({ chain: [first] });
  const provider = createStaticProvider({ [host]: first.pin });
  const pins = await PinResolver.create(provider, { warnings: false });
  const dial: RequestOptions = { host, port: server.port };
  const options = { ca: root.pem, lookup: loopbackLookup };
  const warm = [
    new PinnedAgent(pins, { ...options, maxSockets: 8 }),
    new PinnedAgent(pins, { ...options, maxSockets: 8, scheduling: 'fifo' }),
  ];
  // No `maxSockets`: with a limit, Node hands a connection on to the next in the queue, also without `keepAlive`.
  const fresh = new PinnedAgent(pins, { ...options, keepAlive: false });

  // Each generation of the pins, by the leaves that it accepts.
  let generation = 0;
  const accepted: (readonly TestCertificate[])[] = [[first]];
  async function apply(leavesNow: readonly TestCertificate[]): Promise<void> {
    provider.update({ [host]: leavesNow.map(({ pin }) => pin).join(' ') });
    const { outcome } = await pins.refresh();
    if (outcome !== 'rotated') throw new Error(`not rotated but ${outcome}`);
    accepted.push(leavesNow);
    generation += 1;
  }

  const stopping = new AbortController();
  let rotations = 0;
  async function rotate(): Promise<void> {
    let [current, next] = [first, second];
    while (!stopping.signal.aborted) {
      await apply([current, next]);
      server.use([next]);
      await wait(rotationMs);
      await apply([next]);
      rotations += 2;
      await wait(rotationMs);
      [current, next] = [next, current];
    }
  }

  const leafOf = new WeakMap<object, TestCertificate>();
  const lost: string[] = [];
  let onRemovedPin = 0;
  let sentCount = 0;
  const deadline = performance.now() + limitMs;

  function goesOn(): boolean {
    if (sentCount < requests) return true;
    if (atLeast === undefined || performance.now() > deadline) return false;
    return rotations < atLeast.rotations || server.resumed < atLeast.resumed;
  }

  /** The session holds the certificate of the full handshake that it descends from, also where none was shown. */
  function rememberLeaf(socket: TLSSocket): void {
    const session = socket.getSession();
    const leaf = leaves.find(({ der }) => session?.includes(der));
    if (leaf !== undefined) leafOf.set(socket, leaf);
  }

  function send(agent: PinnedAgent): Promise<void> {
    const madeIn = generation;
    return new Promise((resolve) => {
      let answeredOver: object | undefined;
      const sent = https.get({ ...dial, agent }, (response) => {
        answeredOver = response.socket;
        const leaf = leafOf.get(answeredOver);
        // Whatever was in force at any time in the life of the request may have let it in.
        const wasAccepted = accepted.slice(madeIn).some((each) => leaf !== undefined && each.includes(leaf));
        if (!wasAccepted) onRemovedPin += 1;
        response.on('error', (error) => lost.push(reasonOf(error)));
        response.on('close', resolve).resume();
      });
      sent.on('socket', (socket: TLSSocket) => {
        if (!leafOf.has(socket)) socket.once('secureConnect', () => rememberLeaf(socket));
      });
      sent.on('error', (error) => {
        lost.push(reasonOf(error));
        resolve();
      });
    });
  }

  async function caller(agent: PinnedAgent): Promise<void> {
    while (goesOn()) {
      sentCount += 1;
      await send(agent);
    }
  }

  const rotating = rotate();
  // More callers than connections: there is a queue all the time.
  const callers = [...warm, ...warm].flatMap((agent) => Array.from({ length: 8 }, () => caller(agent)));
  await Promise.all([...callers, ...Array.from({ length: 8 }, () => caller(fresh))]);
  stopping.abort();
  await rotating;
  const { connections, resumed } = server;
  for (const agent of [...warm, fresh]) agent.destroy();
  await pins.close();
  await server.close();
  return { requests: sentCount, rotations, connections, resumed, onRemovedPin, lost };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return `${error.code ?? ''} ${error.message}`.trim();
}
