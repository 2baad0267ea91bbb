import dns from 'node:dns';
import { expect } from 'chai';
import type { PinErrorCode, PinResolver } from 'pinvault';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from '../support/open-bao.js';
import { OutageScene, type Requests } from '../support/outage-scene.js';
import type { Fault } from '../support/fault-proxy.js';
import { FaultTable } from '../support/fault-table.js';

const minute = 60_000;
const maxStaleMs = 60 * minute;
/** Vault's default interval. */
const step = 30_000;

/** One way in which a store fails. */
interface Scenario {
  readonly fault: string;
  readonly code: PinErrorCode;
  begin(scene: OutageScene): Promise<void> | void;
  end(scene: OutageScene): Promise<void> | void;
}

const throughProxy = (fault: Fault, code: PinErrorCode): Scenario => ({
  fault,
  code,
  begin: ({ proxy }) => proxy.use(fault),
  end: ({ proxy }) => proxy.use('pass'),
});

const realLookup = dns.lookup;

const scenarios: readonly Scenario[] = [
  throughProxy('refused', 'ERR_PROVIDER_UNAVAILABLE'),
  throughProxy('reset', 'ERR_PROVIDER_UNAVAILABLE'),
  throughProxy('hang', 'ERR_PROVIDER_TIMEOUT'),
  throughProxy('drip', 'ERR_PROVIDER_TIMEOUT'),
  throughProxy('cut', 'ERR_PROVIDER_UNAVAILABLE'),
  throughProxy('half-json', 'ERR_DOCUMENT_MALFORMED'),
  throughProxy('html', 'ERR_DOCUMENT_MALFORMED'),
  throughProxy('throttled', 'ERR_PROVIDER_THROTTLED'),
  throughProxy('storm', 'ERR_PROVIDER_UNAVAILABLE'),
  {
    fault: 'DNS gone',
    code: 'ERR_PROVIDER_UNAVAILABLE',
    // Stands in for a resolver that does not know the name any more; the service's own host is looked up elsewhere.
    begin: () => {
      dns.lookup = ((_name: string, _options: unknown, callback: (error: Error) => void) =>
        setImmediate(
          callback,
          Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }),
        )) as never;
    },
    end: () => {
      dns.lookup = realLookup;
    },
  },
  {
    fault: 'OpenBao: sealed',
    code: 'ERR_PROVIDER_UNAVAILABLE',
    begin: ({ vault }) => vault.seal(),
    end: ({ vault }) => vault.unseal(),
  },
  {
    fault: 'OpenBao: its quota',
    code: 'ERR_PROVIDER_THROTTLED',
    begin: async (scene) => {
      const quota = { path: 'secret/', rate: 1, interval: '1h' };
      expect((await scene.vault.api('POST', 'sys/quotas/rate-limit/one', quota)).status).to.be.below(300);
      // The one read that it grants.
      await scene.vault.api('GET', 'secret/data/tls-pins');
    },
    end: async ({ vault }) => void (await vault.api('DELETE', 'sys/quotas/rate-limit/one')),
  },
];

describeWithOpenBao('a service whose store fails', function () {
  this.timeout(60_000);
  const table = new FaultTable();
  let vault: OpenBaoServer;
  let scene: OutageScene;

  before(async () => {
    vault = await startOpenBao({ mode: 'dev' });
  });

  after(async () => {
    await vault.stop();
    table.print();
  });

  beforeEach(async () => {
    scene = await OutageScene.set(vault);
  });

  afterEach(async () => {
    dns.lookup = realLookup;
    await scene.close();
  });

  /** Requests at every step of so much time; none may be lost. */
  async function liveThrough(milliseconds: number): Promise<number> {
    let sent = 0;
    for (let passed = 0; passed < milliseconds; passed += step) {
      await scene.pass(step);
      const requests: Requests = await scene.request(3);
      expect(requests.failures, `after ${(passed + step) / 1_000} s`).to.deep.equal([]);
      sent += requests.sent;
    }
    return sent;
  }

  async function untilFresh(pins: PinResolver): Promise<number> {
    const startedAt = scene.clock.monotonic();
    while (pins.status().state !== 'fresh') {
      await scene.pass(1_000);
      if (scene.clock.monotonic() - startedAt > 20 * minute) throw new Error('it does not recover');
    }
    return scene.clock.monotonic() - startedAt;
  }

  for (const scenario of scenarios) {
    const { fault, code } = scenario;
    it(`${fault}: serves up to the hard limit, refuses after it, and recovers by itself`, async () => {
      const pins = await scene.start({ maxStaleMs });
      const reads = (): number => pins.status().counters.reads;
      await scene.pass(step);
      expect(pins.status().state).to.equal('fresh');
      const before = reads();
      await scenario.begin(scene);

      const first = await liveThrough(10 * minute);
      const readsIn10Minutes = reads() - before;
      const { lastError, lastRejected } = pins.status();
      expect(lastError?.code ?? lastRejected?.code).to.equal(code);
      // The rest of the hour, to the last step before the limit.
      const rest = await liveThrough(maxStaleMs - 10 * minute - 2 * step);
      expect(pins.status()).to.include({ state: 'stale', source: 'provider' });
      const readsInAll = reads() - before;

      const bytes = scene.server.applicationBytes;
      await scene.pass(3 * step);
      const refused = await scene.request(20);
      expect(refused.failures).to.deep.equal(Array(20).fill('ERR_RESOLVER_EXPIRED'));
      expect(scene.server.applicationBytes).to.equal(bytes);

      await scenario.end(scene);
      const recoveredAfterMs = await untilFresh(pins);
      expect((await scene.request(5)).failures).to.deep.equal([]);
      table.add({ fault, code, requests: first + rest, readsIn10Minutes, readsInAll, recoveredAfterMs });

      // An answer that is refused is read at the interval, a failure in growing gaps.
      const isAnswer = code.startsWith('ERR_DOCUMENT_');
      expect(readsIn10Minutes).to.be.within(1, isAnswer ? 24 : 30);
      expect(readsInAll).to.be.within(2, isAnswer ? 140 : 60);
      expect(recoveredAfterMs).to.be.at.most(6 * minute);
    });
  }

  it('flapping: a store that fails every other time confirms the pins all the same, and is read no more for it', async () => {
    const pins = await scene.start({ maxStaleMs });
    const before = pins.status().counters.reads;
    let sent = 0;
    for (let turn = 0; turn < 60; turn += 1) {
      await scene.proxy.use(turn % 2 === 0 ? 'reset' : 'pass');
      sent += await liveThrough(step);
      // Far from the limit: half of the time there is a store.
      expect(pins.status().ageMs).to.be.below(maxStaleMs / 2);
    }
    const readsInAll = pins.status().counters.reads - before;
    expect(readsInAll).to.be.within(20, 180);
    table.add({
      fault: 'flapping (30 min)',
      code: 'ERR_PROVIDER_UNAVAILABLE',
      requests: sent,
      readsIn10Minutes: Math.round(readsInAll / 3),
      readsInAll,
      recoveredAfterMs: 0,
    });
  });

  it('is read once by 10,000 concurrent first requests', async () => {
    const { reads } = scene.proxy;
    await scene.close();
    scene = await OutageScene.set(vault, { keepAlive: true });
    const pins = await scene.start();
    const requests = await scene.request(10_000);
    expect(requests.failures).to.deep.equal([]);
    expect([reads, scene.proxy.reads]).to.deep.equal([0, 1]);
    // One for each of the 50 connections that did not resume a session.
    expect(pins.status().counters.matches).to.be.within(1, 50);
  });

  it('is read once by 10,000 who all want it fresh after a thaw', async () => {
    const pins = await scene.start();
    const before = scene.proxy.reads;
    scene.clock.freeze(3_600_000);
    await Promise.all(Array.from({ length: 10_000 }, () => pins.ensureFresh()));
    expect(scene.proxy.reads - before).to.equal(1);
    expect(pins.status().state).to.equal('fresh');
  });

  it('is read once by 10,000 calls of refresh()', async () => {
    const pins = await scene.start();
    const before = scene.proxy.reads;
    const outcomes = await Promise.all(Array.from({ length: 10_000 }, () => pins.refresh()));
    expect(new Set(outcomes.map(({ outcome }) => outcome))).to.deep.equal(new Set(['unchanged']));
    expect(scene.proxy.reads - before).to.equal(1);
  });
});
