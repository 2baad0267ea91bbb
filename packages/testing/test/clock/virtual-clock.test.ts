import { expect } from 'chai';
import * as fc from 'fast-check';
import { VirtualClock } from '#src/clock/virtual-clock.js';

describe('the virtual clock', () => {
  it('fires timers in the order of their times, equal ones in that of their setting', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 50 }), { maxLength: 60 }), async (delays) => {
        const clock = new VirtualClock(0);
        const fired: (readonly [number, number])[] = [];
        delays.forEach((delay, index) => clock.after(delay, () => fired.push([delay, index])));
        await clock.advance(50, async () => undefined);
        const wanted = delays.map((delay, index) => [delay, index] as const);
        expect(fired).to.deep.equal(wanted.sort(([a, i], [b, j]) => a - b || i - j));
      }),
    );
  });

  it('goes on to the moment of each timer, and no further than it is told', async () => {
    const clock = new VirtualClock(5_000);
    const before = clock.monotonic();
    const seen: number[] = [];
    clock.after(10, () => {
      seen.push(clock.now());
      clock.after(10, () => seen.push(clock.now()));
    });
    clock.after(31, () => seen.push(clock.now()));
    await clock.advance(30);
    expect(seen).to.deep.equal([5_010, 5_020]);
    expect([clock.now(), clock.monotonic() - before]).to.deep.equal([5_030, 30]);
  });

  it('ends a loop of timers without a delay, and no crowd of them', async () => {
    const clock = new VirtualClock(0);
    let fired = 0;
    for (let timer = 0; timer < 10_000; timer += 1) clock.after(5, () => (fired += 1));
    const noWait = async (): Promise<void> => undefined;
    await clock.advance(5, noWait);
    expect(fired).to.equal(10_000);
    const loop = (): void => void clock.after(0, loop);
    loop();
    const error = await clock.advance(1, noWait).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.an.instanceof(Error);
  });

  it('does not fire what was cancelled', async () => {
    const clock = new VirtualClock(0);
    let fired = 0;
    const timers = Array.from({ length: 10 }, () => clock.after(5, () => (fired += 1)));
    timers.forEach((timer, index) => index % 2 === 0 && timer.cancel());
    await clock.advance(5);
    expect(fired).to.equal(5);
  });

  it('freezes: the wall clock goes on alone', () => {
    const clock = new VirtualClock(0);
    const before = clock.monotonic();
    clock.freeze(1_000);
    expect([clock.now(), clock.monotonic()]).to.deep.equal([1_000, before]);
  });
});
