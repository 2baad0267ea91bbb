import { expect } from 'chai';
import { meanReads, peak, simulateFleet } from './fleet.js';

// Small enough for a test: chance alone puts the highest of so many seconds at some 1.5 times the mean.
const options = {
  instances: 1_000,
  intervalSeconds: 30,
  outageFrom: 120,
  outageUntil: 260,
  pushAt: 580,
  until: 660,
  seed: 1,
};

describe('a fleet under one store', function () {
  this.timeout(60_000);

  it('is spread over the interval after a deploy, an outage and a push: no second has twice the mean', async () => {
    const { shared, refreshes } = await simulateFleet(options);
    const mean = meanReads(options);
    expect(shared[0]).to.equal(options.instances);
    for (const [from, until] of [
      [0, options.outageFrom],
      [options.outageUntil, options.pushAt],
      [options.pushAt, options.until],
    ] as const)
      expect(peak(refreshes, from, until), `${from} to ${until}`).to.be.within(mean, 2 * mean);
    // A store that stays down is read less and less.
    expect(peak(refreshes, options.outageFrom + 120, options.outageUntil)).to.be.below(mean);
  });
});
