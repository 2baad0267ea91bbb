import { expect } from 'chai';
import { properties, report } from './all.js';

// A few runs of what `pnpm fuzz` does at length.
describe('what is fuzzed', () => {
  for (const each of properties) {
    it(`${each.name}: ${each.fact}`, () => {
      const details = each.check({ numRuns: each.runs });
      expect(details.failed, report(details)).to.equal(false);
    });
  }
});
