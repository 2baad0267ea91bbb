import { expect } from 'chai';
import { PinDocumentError, PinMismatchError, PinProviderError, PinResolverError } from '#src/errors.js';
import type { PinEvent } from '#src/resolver/events.js';
import type { ResolverOptions } from '#src/resolver/options.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { pinOf, testTime } from '../../support/chains.js';
import { rejectionOf } from '../../support/errors.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { HostProvider } from '../../support/host-provider.js';
import { onlyEvent } from '../../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });

describe('what a resolver of hosts answers', () => {
  let store: HostProvider;
  let clock: FakeClock;
  let events: PinEvent[];
  let pins: PinResolver;

  async function start(options: ResolverOptions = {}): Promise<void> {
    store = new HostProvider({ a: { pins: lone }, b: { pins: lone, $generation: '7' } });
    clock = new FakeClock(testTime);
    events = [];
    pins = await PinResolver.create(store, {
      warnings: false,
      random: () => 0,
      clock,
      onEvent: (event) => events.push(event),
      ...options,
    });
    await Promise.all([pins.ready('a'), pins.ready('b')]);
  }

  afterEach(() => pins.close());

  it('to refresh() of one host: what came of it', async () => {
    await start();
    expect(await pins.refresh('a')).to.deep.equal({ outcome: 'unchanged', revision: '1' });
    store.publish('a', { pins: other });
    await clock.advance(1_000);
    expect(await pins.refresh('A.')).to.deep.equal({ outcome: 'rotated', revision: '2' });
    expect(onlyEvent(events, 'rotate')).to.deep.include({ host: 'a', changed: ['a'] });
    store.publish('a', { pins: 'sha256/short' });
    await clock.advance(1_000);
    const refused = await pins.refresh('a');
    expect(refused.outcome).to.equal('rejected');
    expect(refused).to.have.property('error').that.is.instanceOf(PinDocumentError);
    store.fault('b', down);
    expect(await pins.refresh('b')).to.have.property('outcome', 'failed');
  });

  it('to refresh() of all: the worst of what came', async () => {
    await start();
    expect(await pins.refresh()).to.have.property('outcome', 'unchanged');
    store.publish('b', { pins: other, $generation: '8' });
    await clock.advance(1_000);
    expect(await pins.refresh()).to.have.property('outcome', 'rotated');
    store.publish('b', { pins: lone, $generation: '7' });
    await clock.advance(1_000);
    const refused = await pins.refresh();
    expect(refused).to.have.nested.property('error.code', 'ERR_DOCUMENT_ROLLBACK');
    expect(pins.lookup('b')).to.have.nested.property('pins[0].pin', other);
  });

  it('to refresh() of a host that has no secret: why', async () => {
    await start();
    const refused = await pins.refresh('c');
    expect(refused).to.have.nested.property('error.code', 'ERR_PROVIDER_NOT_FOUND');
  });

  it('to notify(): nothing where the revision is in force or was refused, one read where it is not', async () => {
    await start();
    store.asked.length = 0;
    pins.notify('1', 'a');
    await clock.advance(1_000);
    expect(store.asked).to.deep.equal([]);
    store.publish('a', { pins: other });
    pins.notify('2', 'a');
    await clock.advance(1_000);
    expect(store.asked).to.deep.equal(['a']);
    pins.notify();
    await clock.advance(1_000);
    expect(store.asked).to.include.members(['a', 'b']);
  });

  it('to notify() without end: a read a second of the host that is named, and the last word counts', async () => {
    await start();
    store.asked.length = 0;
    for (let time = 0; time < 500; time += 1) {
      pins.notify(undefined, 'a');
      pins.notify(undefined, 'stranger');
      await clock.advance(10);
    }
    expect(store.asked.length).to.be.within(4, 6);
    expect(new Set(store.asked)).to.deep.equal(new Set(['a']));
    store.publish('a', { pins: other });
    pins.notify(undefined, 'a');
    await clock.advance(1_000);
    expect(pins.lookup('a')).to.have.nested.property('pins[0].pin', other);
    const before = store.asked.length;
    await clock.advance(5_000);
    expect(store.asked.length).to.equal(before);
  });

  it('to notify() while the host is read: another read, since that one may be from before', async () => {
    await start();
    store.asked.length = 0;
    void pins.refresh('a');
    pins.notify(undefined, 'a');
    await clock.advance(2_000);
    expect(store.asked).to.deep.equal(['a', 'a']);
  });

  it('to notify() of no host without end: the hosts in use are read all the same', async () => {
    await start({ random: () => 0.9 });
    pins.lookup('a');
    store.asked.length = 0;
    for (let time = 0; time < 600; time += 1) {
      pins.notify();
      pins.lookup('a');
      await clock.advance(100);
    }
    expect(store.asked.filter((host) => host === 'a').length).to.be.within(2, 30);
  });

  it('to ensureFresh(): one read of what is old, of one host or of all', async () => {
    await start({ refreshIntervalMs: 60_000 });
    store.asked.length = 0;
    await pins.ensureFresh();
    expect(store.asked).to.deep.equal([]);
    clock.setWallClock(testTime + 120_000);
    await pins.ensureFresh();
    expect([...store.asked].sort()).to.deep.equal(['a', 'b']);
    await pins.ensureFresh('a');
    await rejectionOf(pins.ensureFresh('c'), PinMismatchError, 'ERR_PIN_NOT_LOADED');
  });

  it('to ready() without a host: that it is open, or that it was closed', async () => {
    await start();
    await pins.ready();
    await pins.close();
    await rejectionOf(pins.ready(), PinResolverError, 'ERR_RESOLVER_CLOSED');
  });

  it('to a text that is no host: the same refusal everywhere, and nothing is kept or read', async () => {
    await start();
    store.asked.length = 0;
    await rejectionOf(pins.ready('a b'), PinMismatchError, 'ERR_PIN_SYNTAX');
    const waiting = pins.prepare({ host: 'a b' });
    expect(waiting).to.be.instanceOf(Promise);
    await rejectionOf(waiting ?? Promise.resolve(), PinMismatchError, 'ERR_PIN_SYNTAX');
    pins.retain({ host: 'a b' })();
    await settle();
    expect(store.asked).to.deep.equal([]);
  });

  it('in status(): how each of the worst is, and why', async () => {
    await start();
    store.publish('a', { pins: 'sha256/short' });
    store.fault('b', down);
    await clock.advance(1_000);
    await pins.refresh();
    const { perHost } = pins.status();
    const worst = new Map(perHost?.worst.map((each) => [each.host, each]));
    expect(worst.get('a')).to.have.nested.property('lastRejected.code', 'ERR_DOCUMENT_MALFORMED');
    expect(worst.get('a')).to.have.nested.property('lastRejected.revision', '2');
    expect(worst.get('b')).to.deep.include({ generation: 7, revision: '1' });
    expect(worst.get('b')).to.have.nested.property('lastError.code', 'ERR_PROVIDER_UNAVAILABLE');
  });
});
