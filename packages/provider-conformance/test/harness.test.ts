import { expect } from 'chai';
import { providerChecks, type ProviderHarness } from '#src/index.js';
import { ReferenceProvider } from './support/reference-provider.js';
import { referenceHarness } from './support/reference-store.js';

const good = referenceHarness((options) => new ReferenceProvider(options));

/** What comes of one fact. */
async function outcomeOf(title: string, harness: ProviderHarness): Promise<string> {
  const check = providerChecks.find((each) => each.title === title);
  if (check === undefined) throw new Error(`no fact "${title}"`);
  try {
    await check.run(harness);
    return 'passed';
  } catch (error) {
    return error instanceof Error ? error.message : 'failed';
  }
}

/** The good harness, without a member of its back end. */
function without(name: 'deny' | 'secrets', cannot: ProviderHarness['cannot'] = {}): ProviderHarness {
  return {
    async start() {
      const { [name]: _left, ...backend } = await good.start();
      return backend;
    },
    cannot,
  };
}

describe('a harness', () => {
  const offers = 'offers each capability, or says why not';

  it('passes where it offers everything', async () => {
    expect(await outcomeOf(offers, good)).to.equal('passed');
  });

  it('fails where a capability is neither offered nor explained', async () => {
    expect(await outcomeOf(offers, without('deny'))).to.contain('neither offered nor explained');
    expect(await outcomeOf(offers, without('deny', { deny: '' }))).to.contain(
      'neither offered nor explained',
    );
    expect(await outcomeOf(offers, without('deny', { deny: 'anybody may read' }))).to.equal('passed');
  });

  it('fails where a capability is offered and under "cannot", too: its facts would vanish', async () => {
    expect(await outcomeOf(offers, { ...good, cannot: { deny: 'no' } })).to.contain('under "cannot", too');
  });

  it('fails in each fact that needs what it lacks', async () => {
    expect(await outcomeOf('is denied, and not "not found"', without('deny'))).to.contain('offers no deny()');
    expect(await outcomeOf('of a read that is denied', without('secrets'))).to.contain('offers no secrets');
  });

  it('fails where its stores are one and the same', async () => {
    const store = await good.start();
    const shared: ProviderHarness = { start: () => ({ ...store, stop: () => undefined }) };
    try {
      expect(await outcomeOf('gives each check a store of its own', shared)).not.to.equal('passed');
    } finally {
      await store.stop();
    }
  });
});
