import { expect } from 'chai';
import { PinMismatchError, PinProviderError } from '#src/errors.js';
import { MismatchBudget } from '#src/resolver/mismatch.js';
import type { PinResolver } from '#src/resolver/resolver.js';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { isPending, startResolver } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const peer = lonePeer('lone');
const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });

/** The error with which a handshake is refused. */
function refusalOf(resolver: PinResolver, target: string = host): Error {
  const error = resolver.checkServerIdentity(target, peer);
  if (error === undefined) throw new Error('not refused');
  return error;
}

describe('a mismatch', () => {
  for (const [title, document, code] of [
    ['of the pins', { [host]: other }, 'ERR_PIN_MISMATCH'],
    ['of pins that are over', { [host]: `${lone} until=2026-12-01` }, 'ERR_PIN_EXPIRED'],
    ['of a host without a row', { 'b.test': other }, 'ERR_PIN_HOST_UNCOVERED'],
    ['of a host whose row is bad', { [host]: 'nonsense', 'b.test': other }, 'ERR_PIN_ROW_INVALID'],
  ] as const) {
    it(`${title} starts a read, and is cured where the store has the pin; the check itself stays failed`, async () => {
      const { resolver, provider } = await startResolver(document);
      provider.publish({ [host]: lone });
      const error = refusalOf(resolver);
      expect(error).to.have.property('code', code);
      expect(provider.reads).to.equal(2);
      expect(await resolver.recheck(error)).to.equal(true);
      expect(resolver.snapshot.revision).to.equal('2');
      expect(provider.reads).to.equal(2);
    });
  }

  for (const [title, document, code] of [
    ['of a revoked key', { [host]: lone, $revoked: lone }, 'ERR_PIN_REVOKED'],
    ['of a blocked host', { [host]: 'block' }, 'ERR_PIN_HOST_BLOCKED'],
  ] as const) {
    it(`${title} is a decision: it starts no read and gets no second chance`, async () => {
      const { resolver, provider } = await startResolver(document);
      provider.publish({ [host]: lone });
      const error = refusalOf(resolver);
      expect(error).to.have.property('code', code);
      expect([resolver.recheck(error), provider.reads]).to.deep.equal([undefined, 1]);
    });
  }

  it('is not cured where the store has no pin that fits', async () => {
    const { resolver, provider } = await startResolver({ [host]: other });
    provider.publish({ [host]: pinOf('key ec') });
    expect(await resolver.recheck(refusalOf(resolver))).to.equal(false);
    expect(provider.reads).to.equal(2);
  });

  it('that is only reported starts a read too', async () => {
    const { resolver, provider } = await startResolver({ [host]: other }, { mode: 'report' });
    resolver.verify({ host }, peer);
    expect(provider.reads).to.equal(2);
  });

  it('of a certificate for another host, or an error of somebody else, is none', async () => {
    const { resolver, provider } = await startResolver({ '*': lone });
    const error = refusalOf(resolver, 'other.example.net');
    expect(error).to.have.property('code', 'ERR_TLS_CERT_ALTNAME_INVALID');
    expect([resolver.recheck(error), provider.reads]).to.deep.equal([undefined, 1]);
    const made = new PinMismatchError('ERR_PIN_MISMATCH', 'no', { host });
    expect(resolver.recheck(made)).to.equal(undefined);
  });

  it('makes one read, however many there are, and none for 10 to 30 s afterwards', async () => {
    for (const [random, gapMs] of [
      [0, 10_000],
      [0.999_999, 30_000],
    ] as const) {
      const { resolver, provider, clock } = await startResolver(
        { [host]: other },
        { random: () => random, refreshIntervalMs: 600_000 },
      );
      const refusals = Array.from({ length: 1_000 }, () => refusalOf(resolver));
      expect(provider.reads).to.equal(2);
      expect(await Promise.all(refusals.map((error) => resolver.recheck(error)))).to.deep.equal(
        refusals.map(() => false),
      );
      for (let flood = 0; flood < 1_000; flood += 1) {
        expect(resolver.recheck(refusalOf(resolver))).to.equal(undefined);
      }
      await clock.advance(gapMs - 1_000);
      refusalOf(resolver);
      expect(provider.reads).to.equal(2);
      await clock.advance(1_001);
      refusalOf(resolver);
      expect(provider.reads).to.equal(3);
    }
  });

  it('waits for nothing while reads fail', async () => {
    const { resolver, provider, clock } = await startResolver({ [host]: other });
    provider.answer(down);
    expect(await resolver.recheck(refusalOf(resolver))).to.equal(false);
    const { reads } = provider;
    expect(resolver.recheck(refusalOf(resolver))).to.equal(undefined);
    provider.hang();
    await clock.advance(1_000);
    // The timer's own read hangs: nobody joins it.
    expect(provider.reads).to.equal(reads + 1);
    expect(resolver.recheck(refusalOf(resolver))).to.equal(undefined);
  });

  it('waits 2 s at most where the store hangs', async () => {
    const { resolver, provider, clock } = await startResolver({ [host]: other });
    provider.hang();
    const answer = resolver.recheck(refusalOf(resolver));
    if (answer === undefined) throw new Error('no read');
    await clock.advance(1_999);
    expect(await isPending(answer)).to.equal(true);
    await clock.advance(1);
    expect(await answer).to.equal(false);
  });

  it('is judged at once where other pins came in force meanwhile', async () => {
    const { resolver, provider, clock } = await startResolver({ [host]: other });
    refusalOf(resolver);
    await settle();
    const late = refusalOf(resolver);
    provider.publish({ [host]: lone });
    await clock.advance(60_000);
    const { reads } = provider;
    expect(await resolver.recheck(late)).to.equal(true);
    expect(provider.reads).to.equal(reads);
  });

  it('of a resolver that was closed has no second chance', async () => {
    const { resolver } = await startResolver({ [host]: other });
    const error = refusalOf(resolver);
    await resolver.close();
    expect(resolver.recheck(error)).to.equal(undefined);
  });
});

describe('the budget of mismatches', () => {
  it('is ten at once for all documents of a process, and one more each second', async () => {
    const clock = new FakeClock(testTime);
    const takeAll = (): number =>
      Array.from({ length: 50 }, () => new MismatchBudget(clock, () => 0)).filter((each) => each.take())
        .length;
    expect(takeAll()).to.equal(10);
    expect(takeAll()).to.equal(0);
    await clock.advance(3_000);
    expect(takeAll()).to.equal(3);
    await clock.advance(600_000);
    expect(takeAll()).to.equal(10);
  });

  it('is not spent by a document that may not read yet', () => {
    const clock = new FakeClock(testTime);
    const first = new MismatchBudget(clock, () => 0);
    expect(Array.from({ length: 20 }, () => first.take()).filter(Boolean)).to.have.length(1);
    const others = Array.from({ length: 20 }, () => new MismatchBudget(clock, () => 0));
    expect(others.filter((each) => each.take())).to.have.length(9);
  });
});
