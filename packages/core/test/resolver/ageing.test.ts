import { expect } from 'chai';
import { PinProviderError, PinResolverError } from '#src/errors.js';
import { rejectionOf, thrownBy } from '../support/errors.js';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { settle } from '../support/fake-clock.js';
import { TestProvider } from '../support/providers.js';
import { eventsNamed, onlyEvent, startResolver } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const document = { [host]: lone };
const peer = lonePeer('lone');
const day = 86_400_000;
const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });

describe('pins that nobody confirms', () => {
  it('are stale after two intervals, serve, and recover', async () => {
    const { resolver, provider, clock, events } = await startResolver(document);
    provider.answer(down);
    await clock.advance(120_000);
    expect(resolver.status()).to.include({ state: 'fresh', ageMs: 120_000 });
    await clock.advance(10_000);
    expect(resolver.status()).to.include({ state: 'stale', source: 'provider' });
    expect(onlyEvent(events, 'stale').ageMs).to.be.greaterThan(120_000);
    expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
    provider.publish(document);
    await clock.advance(30_000);
    expect(resolver.status()).to.include({ state: 'fresh', breaker: 'closed' });
    onlyEvent(events, 'recovered');
  });

  it('are refused past maxStaleMs, and not before', async () => {
    const { resolver, provider, clock, events } = await startResolver(document);
    const { evidence } = resolver.verify({ host }, peer);
    provider.answer(down);
    await clock.advance(7 * day);
    expect(resolver.verify({ host }, peer).outcome).to.equal('match');
    await clock.advance(1);
    thrownBy(() => resolver.verify({ host }, peer), PinResolverError, 'ERR_RESOLVER_EXPIRED');
    thrownBy(() => resolver.judge(evidence), PinResolverError, 'ERR_RESOLVER_EXPIRED');
    await rejectionOf(resolver.ready(host), PinResolverError, 'ERR_RESOLVER_EXPIRED');
    expect(resolver.status()).to.include({ state: 'expired' });
    await clock.advance(300_000);
    onlyEvent(events, 'expired');
    provider.publish(document);
    await clock.advance(300_000);
    expect(resolver.judge(evidence).outcome).to.equal('match');
    await resolver.ready(host);
  });

  it('also those of hosts that say none are refused then', async () => {
    const { resolver, provider, clock } = await startResolver({ [host]: 'none' }, { maxStaleMs: 1_000 });
    provider.answer(down);
    await clock.advance(1_001);
    thrownBy(() => resolver.verify({ host }, peer), PinResolverError, 'ERR_RESOLVER_EXPIRED');
  });

  it('live for ever where the limit is Infinity', async () => {
    const { resolver, provider, clock } = await startResolver(document, { maxStaleMs: Infinity });
    provider.hang();
    clock.freeze(3650 * day);
    expect(resolver.verify({ host }, peer).outcome).to.equal('match');
    expect(resolver.status()).to.include({ state: 'stale', expiresAt: null });
  });

  it('do not live longer when the wall clock is set back', async () => {
    const { resolver, provider, clock } = await startResolver(document, { maxStaleMs: 10_000 });
    const { evidence } = resolver.verify({ host }, peer);
    provider.hang();
    clock.setWallClock(testTime - day);
    await clock.advance(10_001);
    thrownBy(() => resolver.judge(evidence), PinResolverError, 'ERR_RESOLVER_EXPIRED');
  });

  it('grow old while the process is frozen', async () => {
    const { resolver, clock } = await startResolver(document, { maxStaleMs: 10_000 });
    clock.freeze(10_001);
    thrownBy(() => resolver.verify({ host }, peer), PinResolverError, 'ERR_RESOLVER_EXPIRED');
  });

  it('age on the same clock while the provider answers with refused documents', async () => {
    const { resolver, provider, clock, events } = await startResolver(document, { maxStaleMs: 600_000 });
    provider.publish('{');
    await clock.advance(600_001);
    thrownBy(() => resolver.verify({ host }, peer), PinResolverError, 'ERR_RESOLVER_EXPIRED');
    await clock.advance(60_000);
    expect(eventsNamed(events, 'stale').length + eventsNamed(events, 'expired').length).to.equal(2);
  });

  it('are confirmed by a store that says that nothing changed', async () => {
    const { resolver, provider, clock } = await startResolver(document, { maxStaleMs: 100_000 });
    provider.answer({ unchanged: true, revision: '1' });
    await clock.advance(1_000_000);
    expect(resolver.status().state).to.equal('fresh');
  });
});

describe('$expires', () => {
  it('ends the whole document, also one that the store confirms, and $none rows with it', async () => {
    const ending = { ...document, 'b.test': 'none', $expires: '2027-03-01T00:10:00Z' };
    const { resolver, clock, provider } = await startResolver(ending);
    const end = Date.UTC(2027, 2, 1, 0, 10);
    expect(resolver.status().expiresAt).to.equal(end);
    await clock.advance(end - testTime);
    expect(resolver.verify({ host }, peer).outcome).to.equal('match');
    await clock.advance(1);
    thrownBy(() => resolver.verify({ host }, peer), PinResolverError, 'ERR_RESOLVER_EXPIRED');
    expect(resolver.status().state).to.equal('expired');
    provider.publish(document);
    await clock.advance(60_000);
    expect(resolver.verify({ host }, peer).outcome).to.equal('match');
  });

  it('is told when it ends, not at the next read', async () => {
    const ending = { ...document, $expires: '2027-03-01T00:00:10Z' };
    const { clock, events, provider } = await startResolver(ending);
    await clock.advance(10_100);
    expect(onlyEvent(events, 'expired').at).to.be.within(testTime + 10_000, testTime + 10_100);
    expect(provider.reads).to.equal(1);
  });
});

describe('ensureFresh', () => {
  it('waits for one read where the pins are older than the interval', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    await resolver.ensureFresh();
    expect(provider.reads).to.equal(1);
    provider.publish({ [host]: other });
    clock.freeze(3_600_000);
    await resolver.ensureFresh();
    expect([provider.reads, resolver.snapshot.revision]).to.deep.equal([2, '2']);
    expect(clock.keepingAlive).to.equal(0);
  });

  it('waits no longer than two seconds', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.hang();
    clock.freeze(3_600_000);
    let isDone = false;
    const waiting = resolver.ensureFresh().then(() => (isDone = true));
    await clock.advance(1_999);
    expect(isDone).to.equal(false);
    await clock.advance(1);
    await waiting;
  });

  it('fails where the pins are past their limit and nobody answers', async () => {
    const { resolver, provider, clock } = await startResolver(document, { maxStaleMs: 1_000 });
    provider.answer(down);
    clock.freeze(3_600_000);
    await rejectionOf(resolver.ensureFresh(), PinResolverError, 'ERR_RESOLVER_EXPIRED');
  });
});

describe("onExpired: 'fallback'", () => {
  it('serves the fallback past the limit; never fresh, what was revoked stays revoked, and the provider takes over', async () => {
    const fallback = new TestProvider({ [host]: lone, 'b.test': 'none' }, 'env');
    const { resolver, provider, clock, events } = await startResolver(
      { [host]: lone, $revoked: pinOf('key ec') },
      { fallback, maxStaleMs: 600_000, onExpired: 'fallback' },
    );
    provider.answer(down);
    const errorsAtRotation: unknown[] = [];
    resolver.on('rotate', () => errorsAtRotation.push(resolver.status().lastError?.code));
    await clock.advance(600_000);
    expect(fallback.reads).to.equal(0);
    await clock.advance(300_001);
    expect(resolver.status()).to.include({ state: 'stale', source: 'fallback', provider: 'env' });
    expect(errorsAtRotation).to.deep.equal([down.code]);
    expect(eventsNamed(events, 'recovered')).to.deep.equal([]);
    expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
    expect(resolver.checkServerIdentity(host, lonePeer('key ec'))).to.have.property(
      'code',
      'ERR_PIN_REVOKED',
    );
    expect(onlyEvent(events, 'rotate').added).to.deep.equal(['b.test']);
    provider.publish({ [host]: other });
    await clock.advance(300_000);
    expect(resolver.status()).to.include({ state: 'fresh', source: 'provider', revision: '2' });
  });

  it('serves also where the provider answers with refused documents until then', async () => {
    const fallback = new TestProvider(document, 'env');
    const options = { fallback, maxStaleMs: 600_000, onExpired: 'fallback' } as const;
    const { resolver, provider, clock } = await startResolver(document, options);
    provider.publish('{');
    await clock.advance(600_001);
    expect(resolver.status()).to.include({ state: 'stale', source: 'fallback' });
  });

  it('opens no way back below the generation that the provider had', async () => {
    const fallback = new TestProvider(document, 'env');
    const options = { fallback, maxStaleMs: 600_000, onExpired: 'fallback' } as const;
    const { resolver, provider, clock, events } = await startResolver(
      { ...document, $generation: 5 },
      options,
    );
    provider.answer(down);
    await clock.advance(900_001);
    expect(resolver.snapshot.source).to.equal('fallback');
    provider.publish({ [host]: other, $generation: 4 });
    await clock.advance(60_000);
    expect(onlyEvent(events, 'documentRejected').error.code).to.equal('ERR_DOCUMENT_ROLLBACK');
    expect(resolver.snapshot.source).to.equal('fallback');
    provider.publish({ [host]: other, $generation: 5 });
    await clock.advance(60_000);
    expect(resolver.snapshot).to.include({ source: 'provider', generation: 5 });
  });

  it('does not let "unchanged" confirm the pins of the fallback', async () => {
    const fallback = new TestProvider(document, 'env');
    const options = { fallback, maxStaleMs: 600_000, onExpired: 'fallback' } as const;
    const { resolver, provider, clock } = await startResolver(document, options);
    provider.answer(down);
    await clock.advance(900_001);
    provider.answer({ unchanged: true, revision: '1' });
    expect((await resolver.refresh()).outcome).to.equal('failed');
    expect(resolver.status()).to.include({ state: 'stale', source: 'fallback' });
  });

  it('is not left for a document that is over, read after read', async () => {
    const fallback = new TestProvider(document, 'env');
    const options = { fallback, onExpired: 'fallback' } as const;
    const ended = { [host]: other, $expires: '2027-03-01T00:05:00Z' };
    const { resolver, clock, events } = await startResolver(ended, options);
    await clock.advance(600_000);
    expect(resolver.status()).to.include({ state: 'stale', source: 'fallback' });
    const rotations = eventsNamed(events, 'rotate').length;
    await clock.advance(600_000);
    expect([rotations, eventsNamed(events, 'rotate').length, fallback.reads]).to.deep.equal([1, 1, 1]);
    expect(resolver.status().lastRejected).to.include({ code: 'ERR_DOCUMENT_MALFORMED', host: '$expires' });
    expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
  });

  it('refuses a fallback that is over itself', async () => {
    const fallback = new TestProvider({ ...document, $expires: '2026-03-01' }, 'env');
    const options = { fallback, maxStaleMs: 600_000, onExpired: 'fallback' } as const;
    const { resolver, provider, clock, events } = await startResolver(document, options);
    provider.answer(down);
    await clock.advance(900_001);
    expect(resolver.status()).to.include({ state: 'expired', source: 'provider' });
    expect(eventsNamed(events, 'rotate')).to.deep.equal([]);
    expect(eventsNamed(events, 'refreshError').at(-1)?.error.message).to.contain('$expires');
  });

  it('carries what was revoked along, each key once, however often it serves', async () => {
    const revoked = pinOf('key ec');
    const fallback = new TestProvider({ ...document, $revoked: `${revoked} ca:${other}` }, 'env');
    const options = { fallback, maxStaleMs: 600_000, onExpired: 'fallback' } as const;
    const { resolver, provider, clock } = await startResolver({ ...document, $revoked: revoked }, options);
    provider.answer(down);
    await clock.advance(3_600_000);
    expect(fallback.reads).to.be.greaterThan(1);
    expect(resolver.snapshot.document.revoked.map(({ pin, where }) => [pin, where])).to.deep.equal([
      [revoked, 'leaf'],
      [other, 'any-certificate'],
    ]);
  });

  it('leaves everything refused where the fallback cannot be read either', async () => {
    const fallback = new TestProvider(document, 'env');
    fallback.publish('{');
    const { resolver, provider, clock } = await startResolver(document, {
      fallback,
      maxStaleMs: 600_000,
      onExpired: 'fallback',
    });
    provider.answer(down);
    await clock.advance(900_001);
    expect(fallback.reads).to.be.greaterThan(0);
    thrownBy(() => resolver.verify({ host }, peer), PinResolverError, 'ERR_RESOLVER_EXPIRED');
  });

  it('changes nothing where it is not asked for', async () => {
    const fallback = new TestProvider(document, 'env');
    const { resolver, provider, clock } = await startResolver(document, { fallback, maxStaleMs: 600_000 });
    provider.answer(down);
    await clock.advance(900_001);
    await settle();
    expect(fallback.reads).to.equal(0);
    expect(resolver.status().state).to.equal('expired');
  });
});
