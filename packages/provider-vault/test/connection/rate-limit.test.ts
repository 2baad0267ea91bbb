import { expect } from 'chai';
import { VirtualClock } from '@pinvault/testing';
import { failureOf } from '../support/errors.js';
import { parseRate, RateLimit } from '#src/connection/rate-limit.js';

describe('a rate limit', () => {
  it('lets a burst through at once, then so many in a second', async () => {
    const clock = new VirtualClock(0);
    const limit = new RateLimit(parseRate('2:3') ?? expect.fail('no rate'), clock);
    let passed = 0;
    const { signal } = new AbortController();
    for (let each = 0; each < 7; each += 1) void limit.turn(signal).then(() => (passed += 1));
    await clock.advance(0);
    expect(passed).to.equal(3);
    await clock.advance(499);
    expect(passed).to.equal(3);
    await clock.advance(1);
    expect(passed).to.equal(4);
    await clock.advance(1_500);
    expect(passed).to.equal(7);
    await clock.advance(60_000);
    for (let each = 0; each < 4; each += 1) void limit.turn(signal).then(() => (passed += 1));
    await clock.advance(0);
    expect(passed).to.equal(10);
  });

  it('holds nobody who has given up', async () => {
    const limit = new RateLimit({ perSecond: 0.001, burst: 1 }, new VirtualClock(0));
    await limit.turn(new AbortController().signal);
    const controller = new AbortController();
    const turn = limit.turn(controller.signal);
    const reason = new Error('given up');
    controller.abort(reason);
    expect(await failureOf(() => turn)).to.equal(reason);
  });

  it('counts nobody who has given up: more who ask than are let through starve nobody for good', async () => {
    const clock = new VirtualClock(0);
    const limit = new RateLimit({ perSecond: 2, burst: 1 }, clock);
    let passed = 0;
    // Ten ask in each second, and wait for three at most.
    for (let tenth = 0; tenth < 600; tenth += 1) {
      const controller = new AbortController();
      clock.after(3_000, () => controller.abort(new Error('late')));
      limit.turn(controller.signal).then(
        () => (passed += Number(!controller.signal.aborted)),
        () => undefined,
      );
      await clock.advance(100);
    }
    expect(passed).to.be.within(118, 121);
  });
});
