import { expect } from 'chai';
import { Pace } from '#src/resolver/pace.js';

/** The shortest and the longest wait that chance can bring. */
function waits(prepare: (pace: Pace) => void, isNews: boolean): [number, number] {
  const wait = (random: number): number => {
    const pace = new Pace(30_000, () => random);
    prepare(pace);
    return Math.round(pace.delayAfterMs({ failed: false, isNews }));
  };
  return [wait(0.999_999), wait(0)];
}

describe('the pace of a fleet', () => {
  it('takes a tenth off the interval at most while nothing happens', () => {
    expect(waits(() => undefined, false)).to.deep.equal([27_000, 30_000]);
  });

  it('is drawn from the whole interval after what may have come to all instances at once', () => {
    expect(waits(() => undefined, true)).to.deep.equal([0, 30_000]);
    expect(waits((pace) => pace.delayAfterMs({ failed: true }), false)).to.deep.equal([0, 30_000]);
  });

  it('is the usual one again afterwards', () => {
    const pace = new Pace(30_000, () => 0.999_999);
    pace.delayAfterMs({ failed: true });
    pace.delayAfterMs({ failed: false });
    expect(Math.round(pace.delayAfterMs({ failed: false }))).to.equal(27_000);
  });
});
