import { expect } from 'chai';
import { stress } from './stress.js';

describe('requests while the pins change all the time', function () {
  this.timeout(60_000);

  it('are never on a removed pin, and none is lost', async () => {
    const atLeast = { rotations: 10, resumed: 20 };
    const result = await stress({ requests: 4_000, rotationMs: 40, atLeast });
    expect(result.lost).to.deep.equal([]);
    expect(result.onRemovedPin).to.equal(0);
    expect(result.rotations).to.be.at.least(atLeast.rotations);
    expect(result.resumed).to.be.at.least(atLeast.resumed);
  });
});
