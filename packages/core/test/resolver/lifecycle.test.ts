import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { PinProviderError, PinResolverError } from '#src/errors.js';
import type { PinReadResult } from '#src/provider.js';
import type { PinEvent } from '#src/resolver/events.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { rejectionOf, thrownBy } from '../support/errors.js';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { settle } from '../support/fake-clock.js';
import { TestProvider } from '../support/providers.js';
import { startResolver, typesOf } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const document = { [host]: lone };
const peer = lonePeer('lone');
const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });

/** Closes a resolver a number of microtasks from now. */
async function closeAfter(ticks: number, resolver: PinResolver): Promise<void> {
  for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
  await resolver.close();
}

describe('close()', () => {
  it('leaves no timer, ends both providers once, and tells of it last', async () => {
    const fallback = new TestProvider(document, 'env');
    const { resolver, provider, clock, events } = await startResolver(document, { fallback });
    await Promise.all([resolver.close(), resolver.close()]);
    await resolver[Symbol.asyncDispose]();
    expect([provider.closed, fallback.closed]).to.deep.equal([1, 1]);
    expect(clock.delays).to.deep.equal([]);
    expect(typesOf(events)).to.deep.equal(['ready', 'close']);
    await clock.advance(86_400_000 * 30);
    expect([provider.reads, typesOf(events).at(-1)]).to.deep.equal([1, 'close']);
  });

  it('leaves no timer where a listener calls it in the middle of an event', async () => {
    for (const [name, answer] of [
      ['refreshError', down],
      ['documentRejected', { document: '{', revision: '2' }],
      ['rotate', { document: { [host]: other }, revision: '2' }],
      ['rowRejected', { document: { ...document, 'b.test': 'nonsense' }, revision: '2' }],
    ] as const) {
      const { resolver, provider, clock, events } = await startResolver(document);
      resolver.on(name, () => void resolver.close());
      provider.answer(answer);
      await resolver.refresh();
      await settle();
      expect(clock.delays, name).to.deep.equal([]);
      expect(typesOf(events).slice(-2), name).to.deep.equal([name, 'close']);
    }
  });

  it('waits for a provider that hangs no longer than for a read', async () => {
    const provider = Object.assign(new TestProvider(document), {
      close: () => new Promise<void>(() => undefined),
    });
    const { resolver, clock } = await startResolver(provider, { readTimeoutMs: 3_000 });
    let isClosed = false;
    const closing = resolver.close().then(() => (isClosed = true));
    await clock.advance(2_999);
    expect(isClosed).to.equal(false);
    await clock.advance(1);
    await closing;
    expect(clock.delays).to.deep.equal([]);
  });

  it('leaves no timer where the document ends by the clock either', async () => {
    const { resolver, clock, events } = await startResolver({
      ...document,
      $expires: '2027-03-01T00:00:10Z',
    });
    await resolver.close();
    expect(clock.delays).to.deep.equal([]);
    await clock.advance(20_000);
    expect(typesOf(events)).to.deep.equal(['ready', 'close']);
  });

  it('makes everything afterwards ERR_RESOLVER_CLOSED', async () => {
    const { resolver, provider } = await startResolver(
      { ...document, '*.example.test': 'none' },
      { mode: 'report' },
    );
    const { evidence } = resolver.verify({ host }, peer);
    await resolver.close();
    const code = 'ERR_RESOLVER_CLOSED';
    thrownBy(() => resolver.verify({ host }, peer), PinResolverError, code);
    thrownBy(() => resolver.judge(evidence), PinResolverError, code);
    expect(resolver.checkServerIdentity(host, peer)).to.have.property('code', code);
    expect(resolver.tlsOptions({ host }).checkServerIdentity.call({}, host, peer)).to.have.property(
      'code',
      code,
    );
    await rejectionOf(resolver.refresh(), PinResolverError, code);
    await rejectionOf(resolver.ready(), PinResolverError, code);
    await rejectionOf(resolver.ensureFresh(), PinResolverError, code);
    resolver.notify('9');
    await settle();
    expect(provider.reads).to.equal(1);
    expect(resolver.status()).to.include({ isClosed: true, nextRefreshAt: null });
  });

  it('ends a read that is under way, whose late reply changes nothing', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    let reply: (result: PinReadResult) => void = () => undefined;
    provider.answer(() => new Promise((resolve) => (reply = resolve)));
    const reading = resolver.refresh();
    const closing = resolver.close();
    reply({ document: { [host]: other }, revision: 'late' });
    expect((await reading).outcome).to.equal('failed');
    await closing;
    expect(provider.requests.at(-1)?.signal.aborted).to.equal(true);
    expect(resolver.snapshot.revision).to.equal('1');
    expect(typesOf(events)).to.deep.equal(['ready', 'close']);
    expect(clock.delays).to.deep.equal([]);
  });

  it('lets no reply in that is on its way, at whatever moment it comes', async () => {
    const outcomes = new Set<string>();
    for (let ticks = 0; ticks < 16; ticks += 1) {
      const { resolver, provider, events } = await startResolver(document);
      provider.answer(async () => {
        void closeAfter(ticks, resolver);
        return { document: { [host]: other }, revision: 'late' };
      });
      const { outcome } = await resolver.refresh();
      await settle();
      outcomes.add(outcome);
      const told = outcome === 'rotated' ? ['ready', 'rotate', 'close'] : ['ready', 'close'];
      expect(typesOf(events), `${ticks} ticks`).to.deep.equal(told);
      expect(resolver.snapshot.revision, `${ticks} ticks`).to.equal(outcome === 'rotated' ? 'late' : '1');
    }
    expect([...outcomes]).to.have.members(['failed', 'rotated']);
  });

  it('ends while the fallback is being read', async () => {
    const fallback = new TestProvider({ [host]: other }, 'env');
    fallback.hang();
    const options = { fallback, onExpired: 'fallback', maxStaleMs: 1_000 } as const;
    const { resolver, provider, clock } = await startResolver(document, options);
    provider.answer(down);
    await clock.advance(60_000);
    expect(fallback.reads).to.be.greaterThan(0);
    await resolver.close();
    await settle();
    expect(resolver.snapshot.source).to.equal('provider');
    expect(clock.delays).to.deep.equal([]);
  });

  it('never rejects, whatever the provider does', async () => {
    for (const close of [
      (): Promise<void> => Promise.reject(new Error('no')),
      (): never => {
        throw new Error('no');
      },
    ]) {
      const provider = Object.assign(new TestProvider(document), { close });
      const { resolver, events } = await startResolver(provider);
      await resolver.close();
      expect(typesOf(events)).to.deep.equal(['ready', 'close']);
    }
  });

  it('of a provider without close() ends as well', async () => {
    const inner = new TestProvider(document);
    const resolver = await PinResolver.create(
      { name: 'bare', read: (request) => inner.read(request) },
      { warnings: false },
    );
    await resolver.close();
    expect(resolver.status().isClosed).to.equal(true);
  });
});

describe('a start that failed', () => {
  for (const [title, close] of [
    [
      'throws',
      (): never => {
        throw new Error('no');
      },
    ],
    ['hangs', (): Promise<void> => new Promise(() => undefined)],
  ] as const) {
    it(`is told by its own error, though close() of the provider ${title}`, async () => {
      const provider = Object.assign(new TestProvider(document), { close });
      provider.answer(new PinProviderError('ERR_PROVIDER_NOT_FOUND', 'no', { provider: 'memory' }));
      await rejectionOf(startResolver(provider), PinProviderError, 'ERR_PROVIDER_NOT_FOUND');
    });
  }
});

describe('status()', () => {
  it('is plain JSON and tells the whole truth', async () => {
    const { resolver, provider, clock } = await startResolver(
      { ...document, 'b.test': 'nonsense', [`${host}#x`]: other, $generation: 3 },
      { name: 'payments', maxStaleMs: 3_600_000 },
    );
    resolver.verify({ host }, peer);
    resolver.checkServerIdentity(host, lonePeer('key ec'));
    await clock.advance(5_000);
    const status = resolver.status();
    expect(JSON.parse(JSON.stringify(status))).to.deep.equal(status);
    const { quarantined, ...rest } = status;
    expect(rest).to.deep.equal({
      name: 'payments',
      state: 'fresh',
      source: 'provider',
      mode: 'enforce',
      provider: 'memory',
      location: 'secret/tls-pins',
      revision: '1',
      generation: 3,
      ageMs: 5_000,
      expiresAt: testTime + 3_600_000,
      nextRefreshAt: testTime + 60_000,
      breaker: 'closed',
      hosts: [host],
      counters: {
        // That of the mismatch.
        reads: 1,
        readFailures: 0,
        documentsRejected: 0,
        rotations: 0,
        matches: 1,
        mismatches: 1,
        reported: 0,
        unpinned: 0,
      },
      isClosed: false,
    });
    expect(quarantined.map((row) => row.key)).to.deep.equal(['b.test']);
    provider.hang();
    const reading = resolver.refresh();
    expect(resolver.status().nextRefreshAt).to.equal(null);
    await resolver.close();
    await reading;
  });

  it('is a copy: who changes it changes nothing', async () => {
    const { resolver } = await startResolver(document);
    const status = resolver.status() as unknown as { hosts: string[]; counters: { matches: number } };
    status.hosts.push('x');
    status.counters.matches = 99;
    expect(resolver.status()).to.deep.include({ hosts: [host] });
    expect(resolver.status().counters.matches).to.equal(0);
  });
});

describe('events', () => {
  it('go to the listeners of their name and to those of all, until they stop', async () => {
    const { resolver, provider } = await startResolver(document);
    const seen: string[] = [];
    const onRotate = (event: PinEvent): void => void seen.push(`on ${event.type}`);
    expect(resolver.on('rotate', onRotate)).to.equal(resolver);
    const stop = resolver.subscribe((event) => seen.push(`all ${event.type}`));
    provider.publish({ [host]: other });
    await resolver.refresh();
    resolver.off('rotate', onRotate);
    resolver.off('stale', onRotate);
    stop();
    stop();
    provider.publish(document);
    await resolver.refresh();
    expect(seen).to.deep.equal(['all ready', 'all rotate', 'on rotate']);
  });

  it('begin with the present state for who subscribes late', async () => {
    const { resolver, provider, clock } = await startResolver(document, { maxStaleMs: 3_600_000 });
    const firstEvent = (): PinEvent | undefined => {
      const seen: PinEvent[] = [];
      resolver.subscribe((event) => seen.push(event))();
      return seen[0];
    };
    expect(firstEvent()).to.include({ type: 'ready', revision: '1', source: 'provider', resolver: 'memory' });
    provider.answer(down);
    await clock.advance(600_000);
    expect(firstEvent()).to.include({ type: 'stale', ageMs: 600_000 });
    await clock.advance(3_600_000);
    expect(firstEvent()).to.include({ type: 'expired' });
  });

  it('end with the signal', async () => {
    const { resolver, provider } = await startResolver(document);
    const ending = new AbortController();
    const seen: string[] = [];
    resolver.subscribe((event) => seen.push(event.type), { signal: ending.signal });
    ending.abort();
    provider.publish({ [host]: other });
    await resolver.refresh();
    resolver.subscribe((event) => seen.push(event.type), { signal: AbortSignal.abort() })();
    expect(seen).to.deep.equal(['ready']);
    const { signal } = new AbortController();
    resolver.subscribe(() => undefined, { signal })();
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });

  it('do no harm where listeners throw, reject or stop others meanwhile', async () => {
    const { resolver, provider, events } = await startResolver(document, {
      onEvent: () => {
        throw new Error('first listener');
      },
    });
    expect(events).to.deep.equal([]);
    const seen: string[] = [];
    resolver.on('rotate', () => Promise.reject(new Error('second listener')) as unknown as undefined);
    const stop = resolver.subscribe(() => {
      stop();
      throw new RangeError('third listener');
    });
    resolver.on('mismatch', () => {
      throw new Error('fourth listener');
    });
    resolver.on('rotate', (event) => seen.push(event.type));
    provider.publish({ [host]: other });
    expect((await resolver.refresh()).outcome).to.equal('rotated');
    expect(resolver.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_MISMATCH');
    await settle();
    expect(seen).to.deep.equal(['rotate']);
  });

  it('of a rotation come when the new pins are in force', async () => {
    const { resolver, provider } = await startResolver(document);
    let outcome: unknown;
    resolver.on('rotate', () => (outcome = resolver.checkServerIdentity(host, peer)));
    provider.publish({ [host]: other });
    await resolver.refresh();
    expect(outcome).to.have.property('code', 'ERR_PIN_MISMATCH');
  });
});
