import { expect } from 'chai';
import { describePinProvider, providerChecks } from '#src/index.js';
import { brokenProviders, clearUp } from './support/broken-providers.js';
import { ReferenceProvider } from './support/reference-provider.js';
import { referenceHarness } from './support/reference-store.js';
import { failuresOf } from './support/run-suite.js';

const facts = providerChecks.map(({ topic, title }) => `${topic}: ${title}`);

/** The facts that a broken provider names: itself, or all of a topic. */
function factsOf(names: readonly string[]): string[] {
  return facts.filter((fact) => names.some((name) => fact === name || fact.startsWith(`${name}: `)));
}

describePinProvider(
  'that owes nothing',
  referenceHarness((options) => new ReferenceProvider(options)),
);

describe('the conformance suite', function () {
  this.timeout(60_000);

  afterEach(clearUp);

  it('tells each fact once', () => {
    expect(new Set(facts).size).to.equal(facts.length);
  });

  for (const { fault, create, caughtBy, also = [] } of brokenProviders) {
    it(`catches a provider that ${fault}: "${caughtBy}"`, async () => {
      const failures = [...(await failuresOf({ ...referenceHarness(create), limitMs: 1_000 })).keys()];
      expect(facts).to.include(caughtBy);
      expect(failures).to.include(caughtBy);
      const explained = factsOf([caughtBy, ...also]);
      expect(failures.filter((fact) => !explained.includes(fact))).to.deep.equal([]);
    });
  }
});
