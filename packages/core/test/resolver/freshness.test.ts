import { expect } from 'chai';
import { Freshness } from '#src/resolver/freshness.js';
import { testTime } from '../support/chains.js';
import { FakeClock } from '../support/fake-clock.js';

function setUp(maxStaleMs = 10_000): { clock: FakeClock; freshness: Freshness } {
  const clock = new FakeClock(testTime);
  return { clock, freshness: new Freshness(clock, 1_000, maxStaleMs) };
}

describe('freshness', () => {
  it('counts from the last confirmation', async () => {
    const { clock, freshness } = setUp();
    await clock.advance(700);
    expect(freshness.ageMs()).to.equal(700);
    freshness.confirm();
    expect(freshness.ageMs()).to.equal(0);
  });

  it('is old and expired past its limits, not at them', async () => {
    const { clock, freshness } = setUp();
    await clock.advance(1_000);
    expect(freshness.isOld()).to.equal(false);
    await clock.advance(1);
    expect([freshness.isOld(), freshness.isExpired(undefined)]).to.deep.equal([true, false]);
    await clock.advance(8_999);
    expect(freshness.isExpired(undefined)).to.equal(false);
    await clock.advance(1);
    expect(freshness.isExpired(undefined)).to.equal(true);
  });

  it('does not live longer when the wall clock is set back', async () => {
    const { clock, freshness } = setUp();
    clock.setWallClock(testTime - 86_400_000);
    expect(freshness.ageMs()).to.equal(0);
    await clock.advance(10_001);
    expect(freshness.isExpired(undefined)).to.equal(true);
  });

  it('grows old while the process is frozen', () => {
    const { clock, freshness } = setUp();
    clock.freeze(10_001);
    expect(freshness.ageMs()).to.equal(10_001);
    expect(freshness.isExpired(undefined)).to.equal(true);
  });

  it('ends with the document, by the wall clock', async () => {
    const { clock, freshness } = setUp(Infinity);
    const end = testTime + 5_000;
    await clock.advance(5_000);
    expect(freshness.isExpired(end)).to.equal(false);
    await clock.advance(1);
    expect(freshness.isExpired(end)).to.equal(true);
    freshness.confirm();
    expect(freshness.isExpired(end)).to.equal(true);
  });

  it('says when it ends: the earlier of both limits', () => {
    const { freshness } = setUp();
    expect(freshness.expiresAt(undefined)).to.equal(testTime + 10_000);
    expect(freshness.expiresAt(testTime + 3_000)).to.equal(testTime + 3_000);
    expect(freshness.expiresAt(testTime + 30_000)).to.equal(testTime + 10_000);
    expect(setUp(Infinity).freshness.expiresAt(undefined)).to.equal(Infinity);
  });
});
