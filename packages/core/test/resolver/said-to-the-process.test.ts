import { expect } from 'chai';
import { PinProviderError } from '#src/errors.js';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { TestProvider } from '../support/providers.js';
import { eventsNamed, startResolver, refreshLater } from '../support/resolvers.js';
import { warningsDuring } from '../support/warnings.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const document = { [host]: lone };
const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });
const hour = 3_600_000;

/** The codes of what a resolver says while `run` runs. */
async function codesOf(run: (warnings: boolean) => Promise<void>): Promise<string[]> {
  expect(await warningsDuring(() => run(false)), 'warnings: false').to.deep.equal([]);
  return (await warningsDuring(() => run(true))).map(({ code }) => code);
}

describe('what nobody listens to is said to the process, once:', () => {
  it('nothing where all is well', async () => {
    const codes = await codesOf(async (warnings) => {
      const { clock, provider, resolver } = await startResolver(document, { warnings });
      provider.publish({ [host]: other });
      await clock.advance(hour);
      resolver.checkServerIdentity(host, lonePeer('lone'));
      await resolver.close();
    });
    expect(codes).to.deep.equal([]);
  });

  it('report mode', async () => {
    const codes = await codesOf(async (warnings) => {
      const { clock } = await startResolver(document, { warnings, mode: 'report' });
      await clock.advance(hour);
    });
    expect(codes).to.deep.equal(['PINVAULT_REPORT_MODE']);
  });

  it('a document that is refused, for each revision', async () => {
    const codes = await codesOf(async (warnings) => {
      const { provider, resolver, clock } = await startResolver(document, { warnings });
      for (const revision of ['2', '2', '3']) {
        provider.publish('{', revision);
        await refreshLater({ resolver, clock });
      }
    });
    expect(codes).to.deep.equal(['ERR_DOCUMENT_MALFORMED', 'ERR_DOCUMENT_MALFORMED']);
  });

  it('a row that is set aside', async () => {
    const codes = await codesOf(async (warnings) => {
      const { provider, resolver } = await startResolver({ ...document, 'b.test': 'x' }, { warnings });
      provider.publish({ ...document, 'b.test': 'x' });
      await resolver.refresh();
    });
    expect(codes).to.deep.equal(['ERR_PIN_SYNTAX']);
  });

  it('rows that are set aside, twenty at most, and how many more there are', async () => {
    const bad = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [`bad${index}.test`, 'nonsense']),
    );
    const said = await warningsDuring(async () => {
      const { events } = await startResolver({ ...document, ...bad }, { warnings: true });
      expect(eventsNamed(events, 'rowRejected')).to.have.length(500);
    });
    expect(said).to.have.length(21);
    expect(said.at(-1)?.message).to.contain('480 more rows were set aside in revision 1');
  });

  it('what is legal in a document but looks like a slip', async () => {
    const codes = await codesOf(async (warnings) => {
      const { provider, resolver } = await startResolver(
        { [host]: `${lone} mode=report`, [`${host}#x`]: `${other} mode=enforce`, $generation: 1 },
        { warnings },
      );
      provider.publish({ [host]: lone, $generation: 1 });
      await resolver.refresh();
    });
    expect(codes).to.deep.equal(['PINVAULT_DOCUMENT', 'PINVAULT_DOCUMENT']);
  });

  it('a pin that is due for review, from 30 days before', async () => {
    const codes = await codesOf(async (warnings) => {
      const { provider, resolver, clock } = await startResolver(
        { [host]: `${lone} review=2027-04-30`, 'b.test': `${other} review=2027-03-20` },
        { warnings, maxStaleMs: Infinity },
      );
      const due = Date.parse('2027-04-30T23:59:59.999Z') - 30 * 24 * hour;
      provider.answer({ unchanged: true, revision: '1' });
      clock.freeze(due - testTime - 1);
      await refreshLater({ resolver, clock });
      clock.freeze(1);
      await refreshLater({ resolver, clock });
      await refreshLater({ resolver, clock });
      expect(resolver.checkServerIdentity(host, lonePeer('lone'))).to.equal(undefined);
    });
    expect(codes).to.deep.equal(['PINVAULT_DOCUMENT', 'PINVAULT_DOCUMENT']);
  });

  it('pins that are stale for an hour, and expired ones', async () => {
    const codes = await codesOf(async (warnings) => {
      const { provider, clock } = await startResolver(document, { warnings, maxStaleMs: 5 * hour });
      provider.answer(down);
      await clock.advance(hour - 1);
      await clock.advance(6 * hour);
    });
    expect(codes).to.deep.equal(['PINVAULT_STALE', 'ERR_RESOLVER_EXPIRED']);
  });

  it('a secret that is gone, and access that is denied', async () => {
    const codes = await codesOf(async (warnings) => {
      const { provider, resolver, clock } = await startResolver(document, { warnings });
      for (const code of [
        'ERR_PROVIDER_NOT_FOUND',
        'ERR_PROVIDER_NOT_FOUND',
        'ERR_PROVIDER_DENIED',
      ] as const) {
        provider.answer(new PinProviderError(code, 'no', { provider: 'memory' }));
        await refreshLater({ resolver, clock });
      }
    });
    expect(codes).to.deep.equal(['ERR_PROVIDER_NOT_FOUND', 'ERR_PROVIDER_DENIED']);
  });

  it('again after it was over', async () => {
    const codes = await codesOf(async (warnings) => {
      const { provider, resolver, clock } = await startResolver(document, { warnings });
      for (let outage = 0; outage < 2; outage += 1) {
        provider.answer(new PinProviderError('ERR_PROVIDER_DENIED', 'no', { provider: 'memory' }));
        await refreshLater({ resolver, clock });
        provider.publish(document);
        await clock.advance(120_000);
      }
    });
    expect(codes).to.deep.equal(['ERR_PROVIDER_DENIED', 'ERR_PROVIDER_DENIED']);
  });

  it('the fallback', async () => {
    const codes = await codesOf(async (warnings) => {
      const provider = new TestProvider(document);
      provider.answer(down);
      const clock = new FakeClock(testTime);
      const options = { warnings, fallback: new TestProvider(document, 'env') };
      const starting = startResolver(provider, options, clock);
      await clock.advance(1_000);
      await starting;
    });
    expect(codes).to.deep.equal(['PINVAULT_FALLBACK']);
  });

  it('a listener that throws, or rejects, once for each thing', async () => {
    const codes = await codesOf(async (warnings) => {
      const { resolver } = await startResolver(document, { warnings });
      for (const thrown of [new Error('a'), new Error('a'), 'text']) {
        resolver.on('mismatch', () => {
          // oxlint-disable-next-line typescript/only-throw-error -- a foreign function may throw anything
          throw thrown;
        });
      }
      resolver.on('mismatch', () => Promise.reject(new RangeError('b')) as unknown as undefined);
      resolver.checkServerIdentity(host, lonePeer('key ec'));
      resolver.checkServerIdentity(host, lonePeer('key ec'));
      await settle();
    });
    expect(codes).to.deep.equal(['PINVAULT_LISTENER', 'PINVAULT_LISTENER', 'PINVAULT_LISTENER']);
  });
});
