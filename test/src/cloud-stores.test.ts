import { expect } from 'chai';
import {
  createRootCa,
  findAzureKeyVault,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import type { Clock } from '@pinvault/core';
import { createPinResolver, PinnedAgent, type PinEvent, type PinResolver } from 'pinvault';
import type { Suite } from 'mocha';
import type { TLSSocket } from 'node:tls';
import { AwsStore } from './support/aws-store.js';
import { AzureStore } from './support/azure-store.js';
import type { CloudStore } from './support/cloud-store.js';
import { until } from './support/processes.js';
import { SteadyLoad } from './support/steady-load.js';

const host = 'api.example.test';

/** The machine's, but no timer is longer than a second: after a denied read the next one is a minute away. */
const impatientClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback, keepAlive = false) {
    const timer = setTimeout(callback, Math.min(delayMs, 1_000));
    if (!keepAlive) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

function aServiceWith(this: Suite, startStore: () => Promise<CloudStore>): void {
  this.timeout(60_000);

  let store: CloudStore;
  let server: TestTlsServer;
  let pins: PinResolver;
  let agent: PinnedAgent;
  let load: SteadyLoad;
  let root: TestCertificate;
  let oldLeaf: TestCertificate;
  let newLeaf: TestCertificate;
  let keepsConnections = false;
  const events: PinEvent[] = [];

  before(async () => {
    root = await createRootCa({ subject: 'Example Root' });
    oldLeaf = await root.issue({ hosts: [host] });
    newLeaf = await root.issue({ hosts: [host] });
  });

  beforeEach(async () => {
    events.length = 0;
    keepsConnections = false;
    const names = new Map([
      [oldLeaf.fingerprint256, 'old'],
      [newLeaf.fingerprint256, 'new'],
    ]);
    server = await startTlsServer({
      chain: [oldLeaf],
      respond: (request, response) => {
        const certificate = (request.socket as TLSSocket).getCertificate();
        const shown =
          certificate !== null && 'fingerprint256' in certificate ? certificate.fingerprint256 : '';
        // Without keep-alive each request needs a handshake, and so the pins.
        if (!keepsConnections) response.setHeader('connection', 'close');
        response.end(names.get(shown.replaceAll(':', '').toLowerCase()) ?? 'unknown');
      },
    });
    store = await startStore();
    await store.publish({ [host]: oldLeaf.pin });
    pins = await createPinResolver(
      {
        ...store.options,
        refreshIntervalMs: 250,
        warnings: false,
        clock: impatientClock,
        onEvent: (event) => events.push(event),
      },
      store.environment,
    );
    agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup, maxSockets: 10 });
    load = new SteadyLoad({ url: `https://${host}:${server.port}/`, agent, requestsPerSecond: 100 });
  });

  afterEach(async () => {
    await load.stop();
    agent.destroy();
    await pins.close();
    await server.close();
    await store.stop();
  });

  async function statusBecomes(
    wanted: string,
    isWanted: (status: ReturnType<PinResolver['status']>) => boolean,
  ): Promise<void> {
    await until(
      () => isWanted(pins.status()),
      () => `${wanted}; it is ${JSON.stringify(pins.status())}`,
    );
  }

  async function revisionBecomes(revision: string): Promise<void> {
    await statusBecomes(`revision ${revision}`, (status) => status.revision === revision);
  }

  async function comesBack(): Promise<void> {
    await statusBecomes('fresh', ({ state, lastError }) => state === 'fresh' && lastError === undefined);
  }

  /** The mishap is told, and the last good pins stay in force. */
  async function goesOnAs(code: string, what = 'goes away'): Promise<void> {
    await until(
      () => events.some((event) => event.type === 'refreshError' && event.error.code === code),
      () => `the store ${what}: ${JSON.stringify(pins.status())}`,
    );
    expect(pins.status()).to.include({ source: 'provider', provider: store.provider });
  }

  async function pause(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** The proof that recovery was real: what is written afterwards takes effect, and not one request has failed. */
  async function followsAndLosesNothing(): Promise<void> {
    await revisionBecomes(await store.publish({ [host]: oldLeaf.pin, [`${host}#next`]: newLeaf.pin }));
    server.use([newLeaf]);
    await pause(200);
    const { records } = await load.stop();
    expect(records.flatMap(({ error }) => (error === undefined ? [] : [error.message]))).to.deep.equal([]);
    expect(records.length).to.be.above(30);
    expect(server.handshakes).to.be.at.least(records.length);
  }

  it('rotates under load: no request is lost, and none rides a removed pin', async () => {
    keepsConnections = true;
    await pause(300);
    const added = await store.publish({ [host]: oldLeaf.pin, [`${host}#next`]: newLeaf.pin });
    await revisionBecomes(added);
    server.use([newLeaf]);
    await pause(500);
    const removed = await store.publish({ [`${host}#next`]: newLeaf.pin });
    await revisionBecomes(removed);
    const removedAt = Date.now();
    await pause(500);
    const { records } = await load.stop();
    expect(records.flatMap(({ error }) => (error === undefined ? [] : [error.message]))).to.deep.equal([]);
    const answers = (late: boolean): string[] =>
      [
        ...new Set(
          records.filter(({ startedAt }) => startedAt > removedAt === late).map(({ answer }) => answer),
        ),
      ].sort();
    // Warm connections of the old key served until its pin went: else the next line would prove nothing.
    expect(answers(false)).to.include('old');
    expect(answers(true)).to.deep.equal(['new']);
    expect(pins.status()).to.include({ state: 'fresh', source: 'provider', provider: store.provider });
  });

  it('goes on whatever the store does, and follows it when that is mended', async () => {
    await store.goAway();
    await goesOnAs('ERR_PROVIDER_UNAVAILABLE');
    await store.comeBack();
    await comesBack();
    for (const { what, code, strike, mend } of store.mishaps) {
      events.length = 0;
      await strike();
      await goesOnAs(code, what);
      await mend();
      await comesBack();
    }
    await followsAndLosesNothing();
  });

  it('begins on its fallback while the vault is away, and moves over when it is back', async () => {
    await store.goAway();
    const second = await createPinResolver(
      { ...store.options, refreshIntervalMs: 250, warnings: false },
      { ...store.environment, PINVAULT_FALLBACK_PINS: JSON.stringify({ [host]: oldLeaf.pin }) },
    );
    try {
      expect(second.status()).to.include({ state: 'stale', source: 'fallback', provider: 'env' });
      await store.comeBack();
      await until(
        () => second.status().source === 'provider',
        () => JSON.stringify(second.status()),
      );
      expect(second.status()).to.include({ state: 'fresh', provider: store.provider });
    } finally {
      await second.close();
    }
  });

  it('does not begin on its fallback where the secret is missing, or has no version in force', async () => {
    const environment = {
      ...store.environment,
      PINVAULT_FALLBACK_PINS: JSON.stringify({ [host]: oldLeaf.pin }),
    };
    const start = async (): Promise<unknown> =>
      createPinResolver({ ...store.options, warnings: false }, environment).then(
        async (resolver) => resolver.close(),
        (error: unknown) => error,
      );
    for (const { detail, strike } of store.absences) {
      await strike();
      expect(await start()).to.include({ code: 'ERR_PROVIDER_NOT_FOUND', detail });
    }
  });
}

/**
 * Each store that there is to be had; where one is not, its tests are pending, and the title says why, or fail where
 * PINVAULT_REQUIRE_REAL=1 promises it.
 */
function describeWith(
  name: string,
  found: { readonly path: string } | { readonly reason: string },
  start: (path: string) => Promise<CloudStore>,
): void {
  const title = `a service with its pins in ${name}`;
  if ('path' in found) {
    describe(title, function () {
      aServiceWith.call(this, async () => start(found.path));
    });
  } else if (process.env['PINVAULT_REQUIRE_REAL'] === '1') {
    describe(title, () => {
      it('has a server to run against', () => {
        throw new Error(found.reason);
      });
    });
  } else {
    describe.skip(`${title} (skipped: ${found.reason})`, () => it('rotates, fails, recovers, falls back'));
  }
}

const { PINVAULT_MOTO: moto = '', PINVAULT_MOTO_MISSING: motoMissing } = process.env;

describeWith('Azure Key Vault', findAzureKeyVault(), async () => AzureStore.start());
describeWith(
  'AWS Secrets Manager',
  moto === '' ? { reason: motoMissing ?? 'PINVAULT_MOTO names no moto' } : { path: moto },
  async (packages) => AwsStore.start(packages),
);
