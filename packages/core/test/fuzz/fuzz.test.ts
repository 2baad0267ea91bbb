import { expect } from 'chai';
import { properties, report } from './all.js';

// A few runs of what `pnpm fuzz` does at length.
describe('what is fuzzed', () => {
  for (const { name, fact, runs, check } of properties) {
    it(`${name}: ${fact}`, () => {
      const details = check({ numRuns: runs });
      expect(details.failed, report(details)).to.equal(false);
    });
  }
});
