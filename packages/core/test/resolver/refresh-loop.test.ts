import { expect } from 'chai';
import * as fc from 'fast-check';
import type { ReadOutcome } from '#src/resolver/pace.js';
import { RefreshLoop } from '#src/resolver/refresh-loop.js';
import { testTime } from '../support/chains.js';
import { FakeClock, settle } from '../support/fake-clock.js';

const good: ReadOutcome = { failed: false };
const bad: ReadOutcome = { failed: true };

interface Loop {
  readonly clock: FakeClock;
  readonly loop: RefreshLoop<ReadOutcome>;
  /** What reads answer from now on. */
  answer: ReadOutcome;
  random: number;
  reads: number;
}

function startLoop(intervalMs = 60_000): Loop {
  const clock = new FakeClock(testTime);
  const state: { -readonly [Key in keyof Loop]: Loop[Key] } = {
    clock,
    answer: good,
    random: 0,
    reads: 0,
    loop: new RefreshLoop<ReadOutcome>(
      { intervalMs, readTimeoutMs: 3_000, clock, random: () => state.random },
      async () => {
        state.reads += 1;
        return state.answer;
      },
      (result) => result,
    ),
  };
  state.loop.schedule(good);
  return state;
}

describe('the refresh loop', () => {
  it('reads after at most one interval, whatever the jitter', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
        const loop = startLoop();
        loop.random = random;
        loop.loop.schedule(good);
        const [delay = Infinity] = loop.clock.delays;
        expect(delay).to.be.at.most(60_000).and.at.least(54_000);
        expect(loop.loop.nextAt).to.equal(Math.round(testTime + delay));
        expect(loop.clock.delays).to.have.length(1);
        expect(loop.clock.keepingAlive).to.equal(0);
      }),
    );
  });

  it('goes on reading', async () => {
    const { clock, ...state } = startLoop();
    expect(state.reads).to.equal(0);
    const loop = startLoop();
    await loop.clock.advance(60_000 * 5);
    expect(loop.reads).to.equal(5);
    expect(clock.delays).to.deep.equal([60_000]);
  });

  it('backs off while reads fail, up to five minutes, and is itself again after a good one', async () => {
    const loop = startLoop();
    loop.answer = bad;
    loop.random = 0.999_999_999;
    const delays: number[] = [];
    for (let failure = 0; failure < 12; failure += 1) {
      await loop.loop.run();
      delays.push(Math.round(loop.clock.delays[0] ?? 0));
    }
    expect(delays.slice(0, 9)).to.deep.equal(
      [1, 2, 4, 8, 16, 32, 64, 128, 256].map((seconds) => seconds * 1_000),
    );
    expect(delays.slice(9)).to.deep.equal([300_000, 300_000, 300_000]);
    loop.answer = good;
    loop.random = 0;
    await loop.loop.run();
    expect(loop.clock.delays).to.deep.equal([60_000]);
    loop.answer = bad;
    await loop.loop.run();
    expect(loop.clock.delays[0]).to.be.at.most(1_000);
  });

  it('backs off by any moment up to the limit, and by a tenth of it at least', async () => {
    for (const [random, delay] of [
      [0, 100],
      [0.05, 100],
      [0.5, 500],
    ] as const) {
      const loop = startLoop();
      loop.answer = bad;
      loop.random = random;
      await loop.loop.run();
      expect(loop.clock.delays).to.deep.equal([delay]);
    }
  });

  it('never backs off for longer than the interval at the first failure', async () => {
    const loop = startLoop(50);
    loop.answer = bad;
    loop.random = 0.999;
    await loop.loop.run();
    expect(loop.clock.delays[0]).to.be.at.most(50);
  });

  it('leaves a store alone for as long as it asks, up to five minutes', async () => {
    const loop = startLoop();
    loop.answer = { failed: true, retryAfterMs: 90_000 };
    await loop.loop.run();
    expect(loop.clock.delays).to.deep.equal([90_000]);
    loop.answer = { failed: true, retryAfterMs: 86_400_000 };
    await loop.loop.run();
    expect(loop.clock.delays).to.deep.equal([300_000]);
    loop.answer = { failed: true, retryAfterMs: 1 };
    loop.random = 0.5;
    await loop.loop.run();
    expect(loop.clock.delays).to.deep.equal([2_000]);
  });

  it('goes on where a read throws', async () => {
    const clock = new FakeClock(testTime);
    let reads = 0;
    const loop = new RefreshLoop<ReadOutcome>(
      { intervalMs: 60_000, readTimeoutMs: 3_000, clock, random: () => 0.999 },
      async () => {
        reads += 1;
        if (reads === 1) throw new RangeError('unforeseen');
        return good;
      },
      (result) => result,
    );
    expect(await loop.run().catch((error: unknown) => error)).to.be.an.instanceof(RangeError);
    expect(clock.delays[0]).to.be.at.most(1_000);
    await clock.advance(1_000);
    expect(reads).to.equal(2);
  });

  it('reads once more after a read that may have looked too early, however often it is asked to', async () => {
    const clock = new FakeClock(testTime);
    let reads = 0;
    let end: (outcome: ReadOutcome) => void = () => undefined;
    const loop = new RefreshLoop<ReadOutcome>(
      { intervalMs: 60_000, readTimeoutMs: 3_000, clock, random: () => 0 },
      () => {
        reads += 1;
        return new Promise((resolve) => (end = resolve));
      },
      (result) => result,
    );
    loop.schedule(good);
    loop.push();
    expect(reads).to.equal(0);
    await clock.advance(1_000);
    expect(reads).to.equal(1);
    for (let ask = 0; ask < 5; ask += 1) loop.push();
    expect(reads).to.equal(1);
    end(good);
    await settle();
    expect([reads, loop.nextAt]).to.deep.equal([1, testTime + 2_000]);
    await clock.advance(1_000);
    expect([reads, loop.nextAt]).to.deep.equal([2, undefined]);
    end(good);
    await settle();
    expect([reads, loop.nextAt]).to.deep.equal([2, testTime + 62_000]);
    loop.push();
    await clock.advance(1_000);
    loop.push();
    loop.stop();
    end(good);
    await clock.advance(600_000);
    expect(reads).to.equal(3);
  });

  it('lets one read at a time be under way, and joins those who ask', async () => {
    const clock = new FakeClock(testTime);
    let reads = 0;
    let end: (outcome: ReadOutcome) => void = () => undefined;
    const loop = new RefreshLoop<ReadOutcome>(
      { intervalMs: 1_000, readTimeoutMs: 3_000, clock, random: () => 0 },
      () => {
        reads += 1;
        return new Promise((resolve) => (end = resolve));
      },
      (result) => result,
    );
    const all = [loop.run(), loop.run(), loop.run()];
    await clock.advance(10_000);
    expect([reads, loop.nextAt]).to.deep.equal([1, undefined]);
    end(good);
    expect(await Promise.all(all)).to.deep.equal([good, good, good]);
    expect(loop.nextAt).to.equal(testTime + 11_000);
    void loop.run();
    expect(reads).to.equal(2);
  });

  it('reads again after a read that threw', async () => {
    const clock = new FakeClock(testTime);
    let reads = 0;
    const loop = new RefreshLoop<ReadOutcome>(
      { intervalMs: 1_000, readTimeoutMs: 3_000, clock, random: () => 0 },
      async () => {
        reads += 1;
        if (reads === 1) throw new RangeError('a bug');
        return good;
      },
      (result) => result,
    );
    const thrown: unknown = await loop.run().catch((error: unknown) => error);
    expect(thrown).to.be.an.instanceof(RangeError);
    expect(await loop.run()).to.equal(good);
    expect(reads).to.equal(2);
  });

  it('sets no timer once it is stopped, also where a read ends later', async () => {
    const loop = startLoop();
    const running = loop.loop.run();
    loop.loop.stop();
    await running;
    await settle();
    expect(loop.clock.delays).to.deep.equal([]);
    expect(loop.loop.nextAt).to.equal(undefined);
    loop.loop.schedule(good);
    expect(loop.clock.delays).to.deep.equal([]);
  });
});
