import { expect } from 'chai';
import { PinProviderError } from '#src/errors.js';
import type { PinReadResult } from '#src/provider.js';
import { host, pinOf } from '../support/chains.js';
import { settle } from '../support/fake-clock.js';
import { isPending, startResolver } from '../support/resolvers.js';

const document = { [host]: pinOf('lone') };
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });
const hour = 3_600_000;
const target = { host };

describe('a process that was suspended', () => {
  it('waits for one read before old pins are used, however many requests come', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.publish({ [host]: other });
    clock.freeze(hour);
    const waiting = Array.from({ length: 1_000 }, () => resolver.prepare(target));
    expect(new Set(waiting).size).to.equal(1);
    expect(waiting[0]).to.be.an.instanceof(Promise);
    await waiting[0];
    expect([provider.reads, resolver.snapshot.revision]).to.deep.equal([2, '2']);
    expect(resolver.prepare(target)).to.equal(undefined);
  });

  it('waits also where the timer was first to wake up', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    await clock.advance(59_000);
    clock.freeze(hour);
    provider.hang();
    await clock.advance(1_000);
    expect(provider.reads).to.equal(2);
    expect(resolver.prepare(target)).to.be.an.instanceof(Promise);
  });

  it('waits 2 s at most, once: while the vault is down nobody waits', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.hang();
    clock.freeze(hour);
    const waiting = resolver.prepare(target);
    if (waiting === undefined) throw new Error('nothing to wait for');
    await clock.advance(1_999);
    expect(await isPending(waiting)).to.equal(true);
    await clock.advance(1);
    await waiting;
    provider.answer(down);
    // The read ends with its time-out, and reads go on failing.
    for (let second = 0; second < 120; second += 1) {
      await clock.advance(1_000);
      const again = resolver.prepare(target);
      expect(again, `after ${second} s`).to.equal(undefined);
    }
  });

  it('counts the age of the pins over its suspension', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.answer(down);
    clock.freeze(8 * 24 * hour);
    expect(resolver.checkServerIdentity(host, {} as never)).to.be.an.instanceof(Error);
    expect(resolver.status()).to.include({ state: 'expired' });
  });

  it('does not take an answer that was asked for before', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    const replies: ((result: PinReadResult) => void)[] = [];
    provider.answer(() => new Promise((resolve) => replies.push(resolve)));
    await clock.advance(60_000);
    clock.freeze(hour);
    const waiting = resolver.prepare(target);
    expect([replies.length, provider.requests[1]?.signal.aborted]).to.deep.equal([2, true]);
    replies[0]?.({ document: { [host]: other }, revision: 'from before' });
    await settle();
    expect(resolver.snapshot.revision).to.equal('1');
    replies[1]?.({ document: { ...document, 'b.test': other }, revision: 'of now' });
    await waiting;
    expect(resolver.snapshot.revision).to.equal('of now');
    expect(resolver.status()).to.include({ state: 'fresh', ageMs: 0 });
    expect(resolver.status()).not.to.have.property('lastError');
  });

  it('refuses an answer that has outlived its deadline, though its timer has not fired', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    let reply: (result: PinReadResult) => void = () => undefined;
    provider.answer(() => new Promise((resolve) => (reply = resolve)));
    const reading = resolver.refresh();
    clock.freeze(3_001);
    reply({ document: { [host]: other }, revision: 'late' });
    expect(await reading).to.have.nested.property('error.code', 'ERR_PROVIDER_TIMEOUT');
    expect(resolver.snapshot.revision).to.equal('1');
  });
});

describe('fresh pins', () => {
  it('keep nobody waiting, nor does a read at its time that is slow', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    expect(resolver.prepare(target)).to.equal(undefined);
    await clock.advance(59_999);
    expect(resolver.prepare(target)).to.equal(undefined);
    provider.hang();
    await clock.advance(1_500);
    expect(provider.reads).to.equal(2);
    expect(resolver.prepare(target)).to.equal(undefined);
  });

  it('keep nobody waiting while the event loop is busy: up to a second late is no suspension', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    await clock.advance(59_999);
    clock.freeze(900);
    expect(resolver.prepare(target)).to.equal(undefined);
    expect(provider.reads).to.equal(1);
    provider.hang();
    await clock.advance(1);
    expect(provider.reads).to.equal(2);
    // The time-out of that read is due and has not come: its flight goes on to fail as any other, and is counted.
    clock.freeze(3_900);
    expect(resolver.prepare(target)).to.equal(undefined);
    expect(provider.requests[1]?.signal.aborted).to.equal(false);
    await clock.advance(3_000);
    expect(resolver.status()).to.have.nested.property('lastError.code', 'ERR_PROVIDER_TIMEOUT');
  });

  it('are as old as the question, not as the answer', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    let reply: (result: PinReadResult) => void = () => undefined;
    provider.answer(() => new Promise((resolve) => (reply = resolve)));
    const reading = resolver.refresh();
    await clock.advance(2_500);
    reply({ unchanged: true, revision: '1' });
    await reading;
    expect(resolver.status().ageMs).to.equal(2_500);
  });

  it('of a closed resolver are none: nothing is waited for', async () => {
    const { resolver, clock } = await startResolver(document);
    await resolver.close();
    clock.freeze(hour);
    expect(resolver.prepare(target)).to.equal(undefined);
  });
});
