import { expect } from 'chai';
import { PinMismatchError, PinProviderError, PinResolverError } from '#src/errors.js';
import type { PinEvent } from '#src/resolver/events.js';
import type { ResolverOptions } from '#src/resolver/options.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { host, lonePeer, pinOf, testTime } from '../../support/chains.js';
import { rejectionOf } from '../../support/errors.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { HostProvider } from '../../support/host-provider.js';
import { eventsNamed, onlyEvent, typesOf } from '../../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const peer = lonePeer('lone');
const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });
const intervalMs = 60_000;

interface Started {
  readonly pins: PinResolver;
  readonly store: HostProvider;
  readonly clock: FakeClock;
  readonly events: PinEvent[];
}

async function start(
  documents: Readonly<Record<string, object>> = { [host]: { pins: lone } },
  options: ResolverOptions = {},
): Promise<Started> {
  const store = new HostProvider(documents);
  const clock = new FakeClock(testTime);
  const events: PinEvent[] = [];
  const pins = await PinResolver.create(store, {
    warnings: false,
    random: () => 0,
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { pins, store, clock, events };
}

const notLoaded = (promise: Promise<unknown>): Promise<PinMismatchError> =>
  rejectionOf(promise, PinMismatchError, 'ERR_PIN_NOT_LOADED');

describe('a host with a document of its own', () => {
  it('is not loaded before somebody needs it, and says so at once', async () => {
    const { pins, store, clock } = await start();
    expect(store.asked).to.deep.equal([]);
    expect(pins.lookup(host)).to.deep.equal({ rule: 'not-loaded' });
    expect(pins.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_NOT_LOADED');
    // The check has set one read in motion; a client that tries again finds the pins.
    await clock.advance(0);
    expect(store.asked).to.deep.equal([host]);
    expect(pins.checkServerIdentity(host, peer)).to.equal(undefined);
  });

  it('is ready after one read, whoever asks and however it is spelled', async () => {
    const { pins, store } = await start();
    const asking = Array.from({ length: 10_000 }, (_, index) =>
      pins.ready(index % 2 === 0 ? host : `${host.toUpperCase()}.:443`),
    );
    await Promise.all(asking);
    expect(store.asked).to.deep.equal([host]);
    expect(pins.prepare({ host, port: 443 })).to.equal(undefined);
    expect(pins.lookup(host)).to.include({ rule: 'pins', pattern: host });
    expect(pins.verify({ host, port: 443 }, peer)).to.include({ outcome: 'match', revision: '1' });
  });

  it('has rows for its ports', async () => {
    const { pins } = await start({ [host]: { 'pins:8443': lone } }, { uncoveredHosts: 'allow' });
    await pins.ready(host);
    expect(pins.verify({ host, port: 8443 }, peer).outcome).to.equal('match');
    expect(() => pins.verify({ host, port: 443 }, peer)).to.throw('ERR_PIN_HOST_UNCOVERED');
  });

  it('without a secret is refused whatever uncoveredHosts says, by path and reason', async () => {
    const { pins, store } = await start({}, { uncoveredHosts: 'allow' });
    const error = await notLoaded(pins.ready(host));
    expect(error.message).to.contain(`secret/tls-pins/${host}`).and.to.contain('ERR_PROVIDER_NOT_FOUND');
    expect(pins.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_NOT_LOADED');
    expect(store.asked).to.have.length(1);
  });

  it('without a secret is asked for again after half a minute, not before', async () => {
    const { pins, store, clock } = await start({});
    await notLoaded(pins.ready(host));
    store.publish(host, { pins: lone });
    await clock.advance(29_000);
    await notLoaded(pins.ready(host));
    expect(store.asked).to.have.length(1);
    await clock.advance(1_000);
    await pins.ready(host);
    expect(store.asked).to.have.length(2);
  });

  it('is only reported in report mode', async () => {
    const { pins } = await start({}, { mode: 'report' });
    const verdict = pins.verify({ host }, peer);
    expect(verdict.outcome).to.equal('reported');
    expect('error' in verdict && verdict.error.code).to.equal('ERR_PIN_NOT_LOADED');
  });

  it('keeps what it revokes to itself', async () => {
    const { pins } = await start({ [host]: { pins: lone }, 'other.test': { pins: other, $revoked: lone } });
    await pins.ready('other.test');
    await pins.ready(host);
    expect(pins.verify({ host }, peer).outcome).to.equal('match');
  });

  it('ends with its $expires, and takes no other along', async () => {
    const { pins, clock } = await start({
      [host]: { pins: lone, $expires: '2027-03-01T01:00:00Z' },
      b: { pins: lone },
    });
    await Promise.all([pins.ready(host), pins.ready('b')]);
    await clock.advance(3_600_001);
    await rejectionOf(pins.ready(host), PinResolverError, 'ERR_RESOLVER_EXPIRED');
    await pins.ready('b');
  });

  it('is given up after readTimeoutMs, with the process held until then', async () => {
    const { pins, store, clock } = await start();
    store.fault(host, 'hang');
    const ended = notLoaded(pins.ready(host));
    await settle();
    expect(clock.keepingAlive).to.equal(1);
    await clock.advance(3_000);
    await ended;
    expect(store.asked).to.have.length(1);
  });
});

describe('the refresh of hosts', () => {
  it('reads those in use within the interval, and leaves idle ones alone', async () => {
    const { pins, store, clock } = await start({ [host]: { pins: lone }, 'idle.test': { pins: lone } });
    const release = pins.retain({ host, port: 443 });
    await Promise.all([pins.ready(host), pins.ready('idle.test')]);
    store.publish(host, { pins: other });
    await clock.advance(intervalMs);
    expect(pins.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_MISMATCH');
    await clock.advance(30 * intervalMs);
    const reads = (name: string): number => store.asked.filter((each) => each === name).length;
    expect(reads(host)).to.be.within(31, 37);
    expect(reads('idle.test')).to.be.below(5);
    release();
    await clock.advance(4 * intervalMs);
    const before = store.asked.length;
    await clock.advance(10 * intervalMs);
    expect(store.asked.length).to.equal(before);
    expect(clock.delays).to.deep.equal([]);
  });

  it('reads one that was idle before it is used, once for all who wait', async () => {
    const { pins, store, clock } = await start();
    await pins.ready(host);
    await clock.advance(10 * intervalMs);
    store.publish(host, { pins: other });
    const before = store.asked.length;
    const waiting = Array.from({ length: 5 }, () => pins.prepare({ host, port: 443 }));
    expect(waiting.every((promise) => promise !== undefined)).to.equal(true);
    await Promise.all(waiting.map(async (promise) => promise));
    expect(store.asked.length).to.equal(before + 1);
    expect(pins.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_MISMATCH');
  });

  it('serves old pins after one bounded wait where the store is away, and waits no second time', async () => {
    const { pins, store, clock } = await start();
    await pins.ready(host);
    await clock.advance(10 * intervalMs);
    store.fault(host, 'hang');
    const first = pins.prepare({ host, port: 443 });
    let isOver = false;
    void first?.then(() => (isOver = true));
    await clock.advance(1_999);
    expect(isOver).to.equal(false);
    await clock.advance(1);
    expect(isOver).to.equal(true);
    await clock.advance(1_000);
    expect(pins.prepare({ host, port: 443 })).to.equal(undefined);
    expect(pins.verify({ host }, peer).outcome).to.equal('match');
  });

  it('tells a rotation with its host, and nothing of the others', async () => {
    const { pins, store, events } = await start({ [host]: { pins: lone }, b: { pins: lone } });
    await Promise.all([pins.ready(host), pins.ready('b')]);
    store.publish(host, { pins: other });
    expect(await pins.refresh(host)).to.deep.equal({ outcome: 'rotated', revision: '2' });
    expect(onlyEvent(events, 'rotate')).to.deep.include({
      host,
      added: [],
      removed: [],
      changed: [host],
      previousRevision: '1',
    });
    expect(pins.lookup('b')).to.have.property('rule', 'pins');
  });

  it('refuses a rollback of one host, also after it was evicted', async () => {
    const { pins, store, events } = await start(
      { [host]: { pins: lone, $generation: 5 }, b: { pins: lone } },
      { maxHosts: 1 },
    );
    await pins.ready(host);
    store.publish(host, { pins: other, $generation: 4 });
    expect(await pins.refresh(host)).to.have.property('outcome', 'rejected');
    expect(onlyEvent(events, 'documentRejected')).to.include({ host, revision: '2' });
    expect(pins.verify({ host }, peer).outcome).to.equal('match');
    await pins.ready('b');
    expect(pins.lookup(host)).to.deep.equal({ rule: 'not-loaded' });
    expect((await notLoaded(pins.ready(host))).message).to.contain('ERR_DOCUMENT_ROLLBACK');
  });

  it('keeps the last good pins of a host whose document is deleted, empty or broken', async () => {
    const { pins, store } = await start();
    await pins.ready(host);
    for (const broken of [{}, { 'other.test': lone }, { $unknown: 'x', pins: lone }, { pins: 'nonsense' }]) {
      store.publish(host, broken);
      expect(await pins.refresh(host), JSON.stringify(broken)).to.have.property('outcome', 'rejected');
      expect(pins.verify({ host }, peer).outcome).to.equal('match');
      store.publish(host, { pins: lone });
      pins.notify(undefined, host);
      await settle();
    }
    store.remove(host);
    await pins.refresh(host);
    expect(pins.verify({ host }, peer).outcome).to.equal('match');
  });

  it('tells an outage of the hosts in use once, and its end', async () => {
    const hosts = Array.from({ length: 200 }, (_, index) => `h${index}.test`);
    const { pins, store, clock, events } = await start(
      Object.fromEntries(hosts.map((name) => [name, { pins: lone }])),
      { random: Math.random },
    );
    for (const name of hosts) pins.retain({ host: name });
    await Promise.all(hosts.map((name) => pins.ready(name)));
    expect(pins.status().perHost).to.include({ loaded: 200, inUse: 200, stale: 0, notLoaded: 0 });
    store.outage = down;
    const before = store.asked.length;
    await clock.advance(10 * intervalMs);
    const reads = store.asked.length - before;
    // Of one document: some ten; of two hundred hosts: a burst until the breaker opens, then one at a time.
    expect(reads).to.be.below(80);
    expect(pins.status()).to.include({ state: 'stale', breaker: 'open' });
    expect(eventsNamed(events, 'stale')).to.have.length(1);
    expect(JSON.stringify(pins.status()).length).to.be.below(20_000);
    store.outage = undefined;
    await clock.advance(8 * intervalMs);
    expect(pins.status()).to.include({ state: 'fresh', breaker: 'closed' });
    expect(eventsNamed(events, 'recovered')).to.have.length(1);
  });
});

describe('the bounds of a resolver of many hosts', () => {
  it('keep the hosts used last, and those with live connections', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const { pins } = await start(Object.fromEntries(names.map((name) => [name, { pins: lone }])), {
      maxHosts: 2,
    });
    const release = pins.retain({ host: 'a' });
    for (const name of names) await pins.ready(name);
    const loaded = (): string[] => names.filter((name) => pins.lookup(name).rule !== 'not-loaded');
    expect(loaded()).to.deep.equal(['a', 'd']);
    release();
    release();
    await pins.ready('b');
    await pins.ready('c');
    expect(loaded()).to.deep.equal(['b', 'c']);
  });

  it('let go of nobody who is connected where maxHosts is 1', async () => {
    const { pins } = await start({ a: { pins: lone }, b: { pins: lone } }, { maxHosts: 1 });
    const releases = ['a', 'b'].map((name) => pins.retain({ host: name }));
    await Promise.all([pins.ready('a'), pins.ready('b')]);
    expect([pins.lookup('a').rule, pins.lookup('b').rule]).to.deep.equal(['pins', 'pins']);
    for (const release of releases) release();
    expect(pins.status().perHost?.loaded).to.equal(1);
  });

  it('ask for unknown hosts at a bounded rate, whoever makes them up, and evict nobody for them', async () => {
    const { pins, store, clock } = await start({ [host]: { pins: lone } }, { maxHosts: 1 });
    await pins.ready(host);
    const asked = Promise.allSettled(
      Array.from({ length: 5_000 }, (_, index) => pins.ready(`x${index}.test`)),
    );
    await clock.advance(10_000);
    const outcomes = await asked;
    expect(outcomes.every(({ status }) => status === 'rejected')).to.equal(true);
    // A burst of 64, then 20 a second while anybody waits (3 s).
    expect(store.asked.length).to.be.below(64 + 20 * 4);
    expect(store.most).to.be.at.most(16);
    expect(pins.lookup(host)).to.have.property('rule', 'pins');
    expect(pins.status().perHost).to.deep.include({ loaded: 1 });
    expect(pins.status().perHost?.notLoaded).to.be.at.most(1_000);
  });

  it('let two thousand hosts load at once', async () => {
    const hosts = Array.from({ length: 2_000 }, (_, index) => `h${index}.test`);
    const { pins, store } = await start(Object.fromEntries(hosts.map((name) => [name, { pins: lone }])));
    await Promise.all(hosts.map((name) => pins.ready(name)));
    expect(store.asked.length).to.equal(2_000);
    expect(store.most).to.be.at.most(16);
  });
});

describe('the start of a resolver of hosts', () => {
  it('loads the required hosts, and fails without them by name', async () => {
    const { pins, store } = await start({ [host]: { pins: lone } }, { requiredHosts: [host] });
    expect(store.asked).to.deep.equal([host]);
    expect(pins.lookup(host).rule).to.equal('pins');
    const missing = await rejectionOf(
      start({}, { requiredHosts: [host] }),
      PinProviderError,
      'ERR_PROVIDER_NOT_FOUND',
    );
    expect(missing.message).to.contain(host);
  });

  it('keeps the pins of a required host against any edit', async () => {
    const { pins, store } = await start({ [host]: { pins: lone } }, { requiredHosts: [host] });
    store.publish(host, { pins: 'none' });
    await pins.refresh(host);
    expect(pins.lookup(host)).to.include({ rule: 'pins', mode: 'enforce' });
  });

  it('tries an outage again until startupTimeoutMs', async () => {
    const store = new HostProvider({ [host]: { pins: lone } });
    store.outage = down;
    const clock = new FakeClock(testTime);
    const options = { clock, warnings: false, requiredHosts: [host], random: () => 0.5 };
    const failed = rejectionOf(
      PinResolver.create(store, options),
      PinProviderError,
      'ERR_PROVIDER_UNAVAILABLE',
    );
    await clock.advance(8_000);
    await failed;
    const started = PinResolver.create(store, options);
    await clock.advance(1_000);
    store.outage = undefined;
    await clock.advance(5_000);
    expect((await started).lookup(host).rule).to.equal('pins');
  });
});

describe('a resolver of hosts', () => {
  it('has a picture of the hosts that are loaded, which can be sent to a worker', async () => {
    const { pins } = await start({
      a: { pins: lone, $expires: '2027-04-01', $revoked: other },
      b: { 'b:8443': lone },
      c: { pins: 'none' },
    });
    await Promise.all(['a', 'b'].map((name) => pins.ready(name)));
    const { snapshot } = pins;
    expect(snapshot.document.rows.map((row) => row.pattern)).to.deep.equal(['a', 'b:8443']);
    expect(snapshot.document.rows[0]?.pins[0]?.until).to.equal(Date.UTC(2027, 3, 2) - 1);
    expect(snapshot.document.revoked).to.have.length(1);
    expect(structuredClone(snapshot)).to.deep.equal(snapshot);
    expect(pins.snapshot).to.equal(snapshot);
    await pins.ready('c');
    expect(pins.snapshot.document.rows).to.have.length(3);
  });

  it('ends with close(), whatever is under way', async () => {
    const { pins, store, clock, events } = await start();
    store.fault(host, 'hang');
    const ended = rejectionOf(pins.ready(host), PinResolverError, 'ERR_RESOLVER_CLOSED');
    await settle();
    await pins.close();
    await clock.advance(3_000);
    await ended;
    expect(pins.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_RESOLVER_CLOSED');
    expect(clock.delays).to.deep.equal([]);
    expect(typesOf(events)).to.deep.equal(['ready', 'close']);
  });
});
