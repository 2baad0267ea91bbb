import { expect } from 'chai';
import type { PinProvider, ProviderUpdates } from '#src/provider.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { pinOf, testTime } from '../support/chains.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { HostProvider } from '../support/host-provider.js';
import { TestProvider } from '../support/providers.js';
import { startResolver } from '../support/resolvers.js';
import { warningsDuring } from '../support/warnings.js';

type OnChange = Parameters<NonNullable<PinProvider['watch']>>[0];

const row = { 'a.test': pinOf('lone') };

/** Says what a test makes it say. */
class TellingProvider extends TestProvider {
  said: unknown = { by: 'events' };
  signal: AbortSignal | undefined;
  tell: OnChange = () => expect.fail('nobody watches');

  watch(onChange: OnChange, { signal }: { signal: AbortSignal }): void {
    this.tell = onChange;
    this.signal = signal;
  }

  updates(): ProviderUpdates | undefined {
    if (this.said instanceof Error) throw this.said;
    return this.said as ProviderUpdates;
  }
}

class TellingHostProvider extends HostProvider {
  signal: AbortSignal | undefined;
  tell: OnChange = () => expect.fail('nobody watches');

  watch(onChange: OnChange, { signal }: { signal: AbortSignal }): void {
    this.tell = onChange;
    this.signal = signal;
  }

  updates(): ProviderUpdates {
    return { by: 'polling', reason: 'it is asleep' };
  }
}

describe('a provider that waits after failures of its own', () => {
  it('is told when a person asks for a read, before it, and by nothing else', async () => {
    const log: string[] = [];
    class WaitingProvider extends TestProvider {
      retry(): void {
        log.push(`retry before read ${String(this.reads + 1)}`);
      }
    }
    const provider = new WaitingProvider(row);
    const { resolver, clock } = await startResolver(provider);
    await clock.advance(120_000);
    resolver.notify();
    await settle();
    expect(log).to.deep.equal([]);
    provider.publish({ 'b.test': pinOf('lone') });
    const before = provider.reads;
    const refreshing = resolver.refresh();
    await clock.advance(1_000);
    expect((await refreshing).outcome).to.equal('rotated');
    expect(log).to.deep.equal([`retry before read ${String(before + 1)}`]);
  });

  it('is read although it fails to be told', async () => {
    const provider = Object.assign(new TestProvider(row), {
      retry: () => {
        throw new Error('broken');
      },
    });
    const { resolver } = await startResolver(provider);
    provider.publish({ 'b.test': pinOf('lone') });
    expect((await resolver.refresh()).outcome).to.equal('rotated');
  });
});

describe('a store that can tell', () => {
  it('is read when it does, unless it names what is in force, and until the resolver is closed', async () => {
    const provider = new TellingProvider(row);
    const { resolver } = await startResolver(provider);
    provider.publish({ 'b.test': pinOf('lone') });
    provider.tell('1');
    await settle();
    expect(provider.reads).to.equal(1);
    provider.tell();
    await settle();
    expect(resolver.snapshot.revision).to.equal('2');
    expect(provider.signal?.aborted).to.equal(false);
    await resolver.close();
    expect(provider.signal?.aborted).to.equal(true);
  });

  it('says in the status how changes are noticed, and why not otherwise', async () => {
    const provider = new TellingProvider(row);
    const { resolver } = await startResolver(provider);
    expect(resolver.status().updates).to.deep.equal({ by: 'events' });
    provider.said = { by: 'polling', reason: 'a\u202eb\n', secret: 's' };
    expect(resolver.status().updates).to.deep.equal({ by: 'polling', reason: 'a\\u202eb\\u000a' });
    await resolver.close();
  });

  it('leaves the status whole, whatever it says', async () => {
    const provider = new TellingProvider(row);
    const { resolver } = await startResolver(provider);
    for (const said of [undefined, null, 7, {}, { by: 'magic' }, { by: () => 1 }, new Error('no')]) {
      provider.said = said;
      expect(resolver.status()).not.to.have.property('updates');
      expect(resolver.status()).to.include({ state: 'fresh' });
    }
    provider.said = { by: 'events', reason: () => 1 };
    expect(resolver.status().updates).to.deep.equal({ by: 'events' });
    await resolver.close();
  });

  it('that cannot after all is a warning, and the reads go on', async () => {
    const provider = new TellingProvider(row);
    provider.watch = () => {
      throw new RangeError('no');
    };
    const warnings = await warningsDuring(async () => {
      const { resolver, clock } = await startResolver(provider, { warnings: true });
      await clock.advance(60_000);
      expect(provider.reads).to.equal(2);
      await resolver.close();
    });
    expect(warnings.map(({ message }) => message).join()).to.contain('cannot be watched: RangeError');
  });
});

describe('a store of hosts that can tell', () => {
  async function start(): Promise<{
    provider: TellingHostProvider;
    resolver: PinResolver;
    clock: FakeClock;
  }> {
    const provider = new TellingHostProvider({ 'a.test': { pins: 'none' }, 'b.test': { pins: 'none' } });
    const clock = new FakeClock(testTime);
    const resolver = await PinResolver.create(provider, { warnings: false, random: () => 0, clock });
    await Promise.all([resolver.ready('a.test'), resolver.ready('b.test')]);
    provider.asked.length = 0;
    return { provider, resolver, clock };
  }

  it('has the host read that it names, and no other', async () => {
    const { provider, resolver } = await start();
    provider.publish('a.test', { pins: 'block' });
    provider.tell(undefined, 'A.test');
    await settle();
    expect(provider.asked).to.deep.equal(['a.test']);
    expect(resolver.lookup('a.test')).to.include({ rule: 'block' });
    await resolver.close();
    expect(provider.signal?.aborted).to.equal(true);
  });

  it('has all read that are in use where it names none, or no host', async () => {
    for (const host of [undefined, '../x', '']) {
      const { provider, resolver, clock } = await start();
      provider.tell(undefined, host);
      await clock.advance(5_000);
      expect(provider.asked.toSorted(), host).to.deep.equal(['a.test', 'b.test']);
      await resolver.close();
    }
  });

  it('says in the status how changes are noticed', async () => {
    const { resolver } = await start();
    expect(resolver.status().updates).to.deep.equal({ by: 'polling', reason: 'it is asleep' });
    await resolver.close();
  });
});

describe('notes beside a document', () => {
  it('stand in snapshot and status, text only, and are no rotation', async () => {
    const { resolver, provider, clock, events } = await startResolver(row);
    expect(resolver.status()).not.to.have.property('notes');
    const notes = { ticket: 'CHG-1', odd: 7, worse: () => 1 } as unknown as Record<string, string>;
    provider.answer({ document: row, revision: '1', notes });
    await clock.advance(60_000);
    expect(resolver.status().notes).to.deep.equal({ ticket: 'CHG-1' });
    expect(structuredClone(resolver.snapshot).notes).to.deep.equal({ ticket: 'CHG-1' });
    expect(Object.isFrozen(resolver.snapshot.notes)).to.equal(true);
    expect(events.map(({ type }) => type)).to.deep.equal(['ready']);
    for (const none of [null, 'text', [], {}]) {
      provider.answer({ document: row, revision: '1', notes: none as never });
      await clock.advance(60_000);
      expect(resolver.status()).not.to.have.property('notes');
    }
    await resolver.close();
  });

  it('are there from the start', async () => {
    const provider = new TestProvider(row);
    provider.answer({ document: row, revision: '1', notes: { owner: 'x' } });
    const { resolver } = await startResolver(provider);
    expect(resolver.snapshot.notes).to.deep.equal({ owner: 'x' });
    await resolver.close();
  });
});
