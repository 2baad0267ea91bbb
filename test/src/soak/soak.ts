import { get } from 'node:https';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  createRootCa,
  loopbackLookup,
  startDevVault,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { createPinResolver, PinnedAgent, pinErrorCode, type PinResolver } from 'pinvault';
import { openBao, startOpenBao } from '../support/open-bao.js';
import { until } from '../support/processes.js';

/** How long, and how often it is looked at. */
export interface SoakOptions {
  readonly minutes: number;
  readonly samples: number;
  readonly requestsPerSecond: number;
  readonly onSample?: (sample: SoakSample, vault: string) => void;
}

/** How the process stands. */
export interface SoakSample {
  /** Since the beginning, in minutes. */
  readonly at: number;
  readonly heapMiB: number;
  readonly sockets: number;
  readonly timers: number;
  readonly requests: number;
  readonly lost: number;
  readonly rotations: number;
  readonly reads: number;
}

/** What came of it. */
export interface SoakResult {
  readonly vault: string;
  readonly samples: readonly SoakSample[];
  /** What requests met that were not answered with 200: a few of them, in words. */
  readonly failures: readonly string[];
}

const host = 'api.example.test';
const path = 'secret/data/tls-pins';
const maxFailures = 10;

interface Store {
  readonly name: string;
  readonly address: string;
  readonly token: string;
  write(rows: Readonly<Record<string, string>>): Promise<string>;
  close(): Promise<void>;
}

/** A real vault where one can be had. */
async function openStore(): Promise<Store> {
  if (openBao().available) {
    const vault = await startOpenBao({ mode: 'dev' });
    return {
      name: 'OpenBao',
      address: vault.address,
      token: vault.token,
      async write(rows) {
        const { body } = await vault.api('POST', path, { data: rows });
        return String((body as { data: { version: number } }).data.version);
      },
      close: () => vault.stop(),
    };
  }
  const vault = await startDevVault();
  return {
    name: 'the dev vault, since there is no OpenBao',
    address: vault.address,
    token: vault.token,
    write: async (rows) => String(vault.write('tls-pins', rows)),
    close: () => vault.close(),
  };
}

/** Requests at a steady rate; of each only what became of it is counted. */
class CountedLoad {
  sent = 0;
  done = 0;
  lost = 0;
  readonly failures: string[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(url: string, agent: PinnedAgent, perSecond: number) {
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      const owed = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond);
      while (this.sent < owed) this.#send(url, agent);
    }, 10);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await until(
      () => this.done === this.sent,
      () => `${this.sent - this.done} requests without an answer`,
    );
  }

  #send(url: string, agent: PinnedAgent): void {
    this.sent += 1;
    let isOver = false;
    const over = (failure?: string): void => {
      if (isOver) return;
      isOver = true;
      this.done += 1;
      if (failure === undefined) return;
      this.lost += 1;
      if (this.failures.length < maxFailures) this.failures.push(failure);
    };
    const request = get(url, { agent }, (response) => {
      response.resume();
      response.on('error', (error) => over(String(error)));
      response.on('close', () =>
        over(response.statusCode === 200 ? undefined : `status ${response.statusCode}`),
      );
    });
    request.on('error', (error) => over(pinErrorCode(error) ?? String(error)));
  }
}

/**
 * A service under load whose pins change every second, for as long as is wanted: a new key is pinned beside the old one,
 * the server changes to it, the old pin goes.
 */
export async function soak({
  minutes,
  samples,
  requestsPerSecond,
  onSample,
}: SoakOptions): Promise<SoakResult> {
  const store = await openStore();
  const root = await createRootCa({ subject: 'Example Root' });
  const leaves = await Promise.all(Array.from({ length: 4 }, () => root.issue({ hosts: [host] })));
  const [first] = leaves as [TestCertificate, ...TestCertificate[]];
  await store.write({ [host]: first.pin });
  const server = await startTlsServer({ chain: [first] });
  const pins = await createPinResolver(
    { vault: { path: 'secret/tls-pins' }, refreshIntervalMs: 200, warnings: false },
    { PINVAULT_PROVIDER: 'vault', VAULT_ADDR: store.address, VAULT_TOKEN: store.token },
  );
  const agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup, maxSockets: 20 });
  const load = new CountedLoad(`https://${host}:${server.port}/`, agent, requestsPerSecond);
  const taken: SoakSample[] = [];
  try {
    const startedAt = performance.now();
    const endsAt = startedAt + minutes * 60_000;
    let nextSampleAt = startedAt + (minutes * 60_000) / samples;
    for (let turn = 0; performance.now() < endsAt; turn += 1) {
      const turnEndsAt = startedAt + (turn + 1) * 1_000;
      await rotate({ turn, leaves, store, server, pins });
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, turnEndsAt - performance.now())));
      if (performance.now() < nextSampleAt) continue;
      nextSampleAt += (minutes * 60_000) / samples;
      const sample = takeSample((performance.now() - startedAt) / 60_000, load, pins);
      taken.push(sample);
      onSample?.(sample, store.name);
    }
    await load.stop();
    const last = takeSample((performance.now() - startedAt) / 60_000, load, pins);
    taken.push(last);
    onSample?.(last, store.name);
  } finally {
    await load.stop();
    agent.destroy();
    await pins.close();
    await server.close();
    await store.close();
  }
  return { vault: store.name, samples: taken, failures: load.failures };
}

interface Turn {
  readonly turn: number;
  readonly leaves: readonly TestCertificate[];
  readonly store: Store;
  readonly server: TestTlsServer;
  readonly pins: PinResolver;
}

/** One second's change: in even ones the next key is pinned and used, in odd ones the old pin goes. */
async function rotate({ turn, leaves, store, server, pins }: Turn): Promise<void> {
  const at = (index: number): TestCertificate => leaves[index % leaves.length] as TestCertificate;
  const index = Math.floor(turn / 2);
  const [current, next] = [at(index), at(index + 1)];
  const rows = turn % 2 === 0 ? { [host]: current.pin, [`${host}#next`]: next.pin } : { [host]: next.pin };
  const revision = await store.write(rows);
  await until(
    () => pins.snapshot.revision === revision,
    () => `revision ${revision} in force; ${JSON.stringify(pins.status())}`,
  );
  if (turn % 2 === 0) server.use([next]);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function takeSample(at: number, load: CountedLoad, pins: PinResolver): SoakSample {
  collectGarbage();
  const open = process.getActiveResourcesInfo();
  const { rotations, reads } = pins.status().counters;
  return {
    at,
    heapMiB: process.memoryUsage().heapUsed / 1024 / 1024,
    sockets: open.filter((kind) => kind === 'TCPSocketWrap').length,
    timers: open.filter((kind) => kind === 'Timeout').length,
    requests: load.done,
    lost: load.lost,
    rotations,
    reads,
  };
}

/** What is not as flat at the end as it was in the beginning; the first sample is of a process that still warms up. */
export function notFlat(samples: readonly SoakSample[]): string[] {
  const warm = samples.slice(1);
  const quarter = Math.max(1, Math.floor(warm.length / 4));
  const grown = (name: 'heapMiB' | 'sockets' | 'timers', allowed: number): string[] => {
    const before = median(warm.slice(0, quarter).map((sample) => sample[name]));
    const after = median(warm.slice(-quarter).map((sample) => sample[name]));
    return after - before > allowed ? [`${name} from ${before.toFixed(1)} to ${after.toFixed(1)}`] : [];
  };
  // Open sockets are two for each connection of the load, whose number moves with each rotation.
  return [...grown('heapMiB', 3), ...grown('sockets', 45), ...grown('timers', 25)];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
