import { expect } from 'chai';
import { PinProviderError } from '#src/errors.js';
import { StoreWatch } from '#src/resolver/host/store-watch.js';
import { testTime } from '../../support/chains.js';
import { FakeClock } from '../../support/fake-clock.js';

const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });

describe('a store that all hosts read', () => {
  let clock: FakeClock;
  let store: StoreWatch;

  beforeEach(() => {
    clock = new FakeClock(testTime);
    store = new StoreWatch(60_000, clock, () => 0.5);
  });

  /** So many reads that are under way together, and fail. */
  async function fail(count: number): Promise<void> {
    await clock.advance(1);
    const moments = Array.from({ length: count }, () => store.begin());
    await clock.advance(10);
    for (const moment of moments) store.away(down, moment);
  }

  it('has failed once where reads that were under way together fail', async () => {
    await fail(16);
    expect([store.breaker, store.isOpenToReads, store.lastError]).to.deep.equal(['closed', true, down]);
  });

  it('is left alone after five failures in a row, then read once at a time', async () => {
    for (let round = 0; round < 5; round += 1) await fail(2);
    expect([store.breaker, store.isOpenToReads]).to.deep.equal(['open', false]);
    await clock.advance(store.pausedForMs);
    expect(store.isOpenToReads).to.equal(true);
    store.begin();
    expect([store.breaker, store.isOpenToReads]).to.deep.equal(['half-open', false]);
    store.answered();
    expect([store.breaker, store.isOpenToReads, store.recoveries]).to.deep.equal(['closed', true, 1]);
  });

  it('is left alone for as long as it asks', async () => {
    const facts = { provider: 'memory', retryAfterMs: 30_000 };
    store.away(new PinProviderError('ERR_PROVIDER_THROTTLED', 'slow down', facts), store.begin());
    expect([store.isOpenToReads, store.pausedForMs]).to.deep.equal([false, 30_000]);
    // A suspended process stops the one clock only.
    clock.freeze(30_000);
    expect(store.isOpenToReads).to.equal(true);
  });
});
