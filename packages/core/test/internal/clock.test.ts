import { expect } from 'chai';
import { systemClock } from '#src/internal/clock.js';

describe('the clock of the machine', () => {
  it('tells both times', () => {
    const before = Date.now();
    expect(systemClock.now()).to.be.within(before, before + 5_000);
    const monotonic = systemClock.monotonic();
    expect(systemClock.monotonic()).to.be.at.least(monotonic);
  });

  it('calls back once, in its order', async () => {
    const calls: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.after(5, () => (calls.push('late'), resolve()), true);
      systemClock.after(-1, () => calls.push('early'), true);
    });
    expect(calls).to.deep.equal(['early', 'late']);
  });

  it('never calls back a timer that was cancelled, and clamps no long delay to a short one', async () => {
    let called = 0;
    const timers = [
      systemClock.after(1, () => (called += 1)),
      systemClock.after(2 ** 40, () => (called += 1)),
      systemClock.after(Infinity, () => (called += 1)),
    ];
    timers[0]?.cancel();
    await new Promise<void>((resolve) => void systemClock.after(20, resolve, true));
    for (const timer of timers) timer.cancel();
    expect(called).to.equal(0);
  });
});
