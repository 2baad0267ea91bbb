import { expect } from 'chai';
import { PinProviderError, type PinProviderErrorCode } from '#src/errors.js';
import { Pace } from '#src/resolver/pace.js';
import { host, pinOf } from '../support/chains.js';
import { settle } from '../support/fake-clock.js';
import { refreshLater, startResolver } from '../support/resolvers.js';

const document = { [host]: pinOf('lone') };
const failure = (code: PinProviderErrorCode, retryAfterMs?: number): PinProviderError =>
  new PinProviderError(code, 'no', { provider: 'memory', retryAfterMs });
const down = failure('ERR_PROVIDER_UNAVAILABLE');

describe('the pace', () => {
  it('opens the breaker with the fifth failure in a row, and closes it with a good read', () => {
    const pace = new Pace(60_000, () => 0);
    for (let failures = 0; failures < 5; failures += 1) {
      expect([pace.isOpen, pace.isPaused]).to.deep.equal([false, false]);
      pace.delayAfterMs({ failed: true });
    }
    expect([pace.isOpen, pace.isPaused, pace.isFailing]).to.deep.equal([true, true, true]);
    pace.delayAfterMs({ failed: false });
    expect([pace.isOpen, pace.isPaused, pace.isFailing]).to.deep.equal([false, false, false]);
  });

  it('leaves a store that denies access alone for a minute at least', () => {
    for (const [random, delayMs] of [
      [0, 60_000],
      [0.5, 75_000],
    ] as const) {
      const pace = new Pace(5_000, () => random);
      expect(pace.delayAfterMs({ failed: true, isDenied: true })).to.equal(delayMs);
      expect(pace.isPaused).to.equal(true);
    }
  });
});

describe('an open breaker', () => {
  it('shows in the status, lets nobody read but the timer, and one read at that', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.answer(down);
    await clock.advance(61_500);
    expect(resolver.status()).to.include({ breaker: 'open' });
    const { reads } = provider;
    for (let ask = 0; ask < 100; ask += 1) {
      expect(await resolver.refresh()).to.deep.equal({ outcome: 'failed', error: down });
      resolver.notify();
      await resolver.ensureFresh();
      expect(resolver.prepare({ host })).to.equal(undefined);
    }
    expect(provider.reads).to.equal(reads);
    provider.hang();
    await clock.advance(1_600);
    expect(resolver.status()).to.include({ breaker: 'half-open' });
    resolver.notify();
    expect(provider.reads).to.equal(reads + 1);
    await clock.advance(3_000);
    expect(resolver.status()).to.include({ breaker: 'open' });
    provider.publish(document);
    await clock.advance(3_200);
    expect(resolver.status()).to.include({ breaker: 'closed', state: 'fresh' });
  });

  it('bounds the reads of an outage', async () => {
    for (const [random, most] of [
      [0, 30],
      [0.5, 16],
      [0.999, 13],
    ] as const) {
      const { provider, clock } = await startResolver(document, { random: () => random });
      provider.answer(down);
      await clock.advance(60_000);
      const { reads } = provider;
      await clock.advance(600_000);
      expect(provider.reads - reads, `${random}`).to.be.at.most(most);
    }
  });
});

describe('a store that', () => {
  it('denies access is asked again after a minute, not before, whoever asks', async () => {
    const { resolver, provider, clock } = await startResolver(document, { refreshIntervalMs: 5_000 });
    provider.answer(failure('ERR_PROVIDER_DENIED'));
    await clock.advance(5_000);
    expect(provider.reads).to.equal(2);
    await resolver.refresh();
    resolver.notify('9');
    await clock.advance(59_999);
    expect(provider.reads).to.equal(2);
    await clock.advance(1);
    expect(provider.reads).to.equal(3);
  });

  it('asks for time gets it from everybody', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.answer(failure('ERR_PROVIDER_THROTTLED', 90_000));
    await clock.advance(60_000);
    expect(await resolver.refresh()).to.have.nested.property('error.code', 'ERR_PROVIDER_THROTTLED');
    resolver.notify();
    await clock.advance(89_999);
    expect(provider.reads).to.equal(2);
    await clock.advance(1);
    expect(provider.reads).to.equal(3);
  });

  for (const code of ['ERR_PROVIDER_NOT_FOUND', 'ERR_PROVIDER_MISCONFIGURED'] as const) {
    it(`answers with ${code} is read at its interval, neither faster nor slower`, async () => {
      const { resolver, provider, clock } = await startResolver(document);
      provider.answer(failure(code));
      await clock.advance(60_000 * 10);
      expect(provider.reads).to.equal(11);
      expect(resolver.status()).to.include({ breaker: 'closed' });
    });
  }
});

describe('refresh()', () => {
  it('in a hot loop reads once a second', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    let isOver = false;
    const looping = (async () => {
      while (!isOver) await resolver.refresh();
    })();
    await clock.advance(10_000);
    isOver = true;
    await clock.advance(1_000);
    await looping;
    expect(provider.reads).to.be.within(11, 13);
  });

  it('may follow at once after a read that brought something new', async () => {
    const { resolver, provider } = await startResolver(document);
    for (const revision of ['a', 'b', 'c']) {
      provider.publish({ ...document, [`${revision}.test`]: 'none' }, revision);
      expect((await resolver.refresh()).outcome).to.equal('rotated');
    }
    expect(provider.reads).to.equal(4);
  });

  it('that waits holds the process open, is joined by others, and ends with the resolver', async () => {
    const { resolver, clock, provider } = await startResolver(document);
    await resolver.refresh();
    const waiting = [resolver.refresh(), resolver.refresh()];
    expect(clock.keepingAlive).to.equal(1);
    await clock.advance(1_000);
    expect(new Set(await Promise.all(waiting)).size).to.equal(1);
    expect(provider.reads).to.equal(3);
    const last = resolver.refresh().catch((error: unknown) => error);
    await resolver.close();
    expect(await last).to.have.property('code', 'ERR_RESOLVER_CLOSED');
    expect(clock.delays).to.deep.equal([]);
  });
});

describe('notify()', () => {
  it('in a burst makes two reads, in a storm one a second', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    for (let push = 0; push < 100; push += 1) resolver.notify(`p${push}`);
    await clock.advance(1_000);
    expect(provider.reads).to.equal(3);
    for (let push = 0; push < 100; push += 1) {
      resolver.notify(`q${push}`);
      await clock.advance(100);
    }
    expect(provider.reads).to.be.within(12, 14);
  });

  it('costs nothing where the revision is in force, or known to be refused', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.publish('{', 'bad');
    await refreshLater({ resolver, clock });
    const { reads } = provider;
    resolver.notify('1');
    resolver.notify('bad');
    await clock.advance(2_000);
    expect(provider.reads).to.equal(reads);
  });

  it('before the gap is over does not put the next read off', async () => {
    const { resolver, provider, clock } = await startResolver(document, { refreshIntervalMs: 500 });
    resolver.notify();
    await settle();
    resolver.notify();
    await clock.advance(500);
    expect(provider.reads).to.equal(3);
  });
});
