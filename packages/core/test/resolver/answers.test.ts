import { expect } from 'chai';
import { PinProviderError } from '#src/errors.js';
import type { PinReadResult } from '#src/provider.js';
import { host, lonePeer, pinOf } from '../support/chains.js';
import { TestProvider } from '../support/providers.js';
import { eventsNamed, refreshLater, type Started, startResolver } from '../support/resolvers.js';
import { warningsDuring } from '../support/warnings.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const peer = lonePeer('lone');
const document = { [host]: lone, 'b.test': lone, $generation: 5 };
const providerError = (
  code: 'ERR_PROVIDER_NOT_FOUND' | 'ERR_PROVIDER_DENIED',
  detail: string,
): PinProviderError => new PinProviderError(code, 'no', { provider: 'memory', detail });

interface Row {
  readonly title: string;
  readonly answer: PinReadResult | Error;
  /** Event of each read, and how often it comes in ten of them. */
  readonly event: 'documentRejected' | 'refreshError' | 'rowRejected';
  readonly times: number;
  readonly code?: string;
  readonly shows: 'lastRejected' | 'lastError' | 'quarantined';
}

const rows: readonly Row[] = [
  ...(
    [
      ['empty text', '', 'ERR_DOCUMENT_EMPTY'],
      ['shrunk to nothing', {}, 'ERR_DOCUMENT_EMPTY'],
      ['shrunk to directives', { $note: 'x', $generation: 6 }, 'ERR_DOCUMENT_EMPTY'],
      ['malformed', '{"a', 'ERR_DOCUMENT_MALFORMED'],
      ['HTML', '<html>login</html>', 'ERR_DOCUMENT_MALFORMED'],
      ['oversized', { ...document, $note: 'x'.repeat(3_000) }, 'ERR_DOCUMENT_TOO_LARGE'],
      ['with bad rows only', { [host]: 'nonsense', $generation: 6 }, 'ERR_DOCUMENT_MALFORMED'],
      ['of a generation gone down', { ...document, $generation: 4 }, 'ERR_DOCUMENT_ROLLBACK'],
      ['of a generation gone missing', { [host]: other }, 'ERR_DOCUMENT_ROLLBACK'],
    ] as const
  ).map(([title, published, code]): Row => ({
    title,
    answer: { document: published, revision: '2' },
    event: 'documentRejected',
    times: 1,
    code,
    shows: 'lastRejected',
  })),
  ...(['deleted', 'destroyed', 'disabled'] as const).map((detail): Row => ({
    title: detail,
    answer: providerError('ERR_PROVIDER_NOT_FOUND', detail),
    event: 'refreshError',
    times: 10,
    code: 'ERR_PROVIDER_NOT_FOUND',
    shows: 'lastError',
  })),
  {
    title: 'with one bad row',
    answer: { document: { ...document, [host]: 'nonsense' }, revision: '2' },
    event: 'rowRejected',
    times: 1,
    code: 'ERR_PIN_SYNTAX',
    shows: 'quarantined',
  },
];

/** A resolver that has read the answer ten times, and what it has said to the process. */
async function tenReads(
  answer: PinReadResult | Error,
): Promise<Started & { readonly said: readonly string[] }> {
  const provider = new TestProvider(document);
  let started: Started | undefined;
  const said = await warningsDuring(async () => {
    started = await startResolver(provider, { warnings: true, maxDocumentBytes: 2_500 });
    provider.answer(answer);
    await started.clock.advance(600_000);
  });
  if (started === undefined) throw new Error('unreachable');
  return { ...started, said: said.map(({ code }) => code) };
}

describe('an answer that is', () => {
  for (const { title, answer, event, times, code, shows } of rows) {
    it(`${title} keeps the last good pins, is told, shows, and is read at the interval`, async () => {
      const { resolver, provider, events, said } = await tenReads(answer);
      expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
      expect(resolver.checkServerIdentity(host, lonePeer('key ec'))).to.have.property(
        'code',
        'ERR_PIN_MISMATCH',
      );
      const told = eventsNamed(events, event);
      expect(told).to.have.length(times);
      expect(said.filter((each) => each === code)).to.have.length(1);
      // The read at the start, ten at their interval, and one of the mismatch above.
      expect(provider.reads).to.equal(12);
      const status = resolver.status();
      if (shows === 'quarantined') expect(status.quarantined.map((row) => row.code)).to.deep.equal([code]);
      else expect(status[shows]).to.have.property('code', code);
      if (shows === 'lastRejected') expect(status).to.include({ revision: '1', generation: 5 });
    });
  }

  it('unchanged confirms, and tells nobody', async () => {
    const { resolver, events, said } = await tenReads({ unchanged: true, revision: '1' });
    expect(events.map(({ type }) => type)).to.deep.equal(['ready']);
    expect([resolver.status().state, said]).to.deep.equal(['fresh', []]);
  });

  it('of an equal generation with other content is taken, with one warning', async () => {
    const { resolver, events, said } = await tenReads({
      document: { ...document, [host]: other },
      revision: '2',
    });
    expect(eventsNamed(events, 'rotate')).to.have.length(1);
    expect(said).to.deep.equal(['PINVAULT_DOCUMENT']);
    expect(resolver.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_MISMATCH');
  });

  it('an old version that was restored in the store is taken: order is the store’s own', async () => {
    const [first, second] = [{ [host]: lone }, { [host]: other }];
    const { resolver, provider, clock, events } = await startResolver(first);
    provider.publish(second);
    await resolver.refresh();
    provider.publish(first, '1');
    await refreshLater({ resolver, clock });
    expect(resolver.snapshot.revision).to.equal('1');
    expect(eventsNamed(events, 'rotate')).to.have.length(2);
    expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
  });
});

describe('a refused revision', () => {
  it('is asked for by its name, so that it is not sent again, and confirms nothing when it is unchanged', async () => {
    const { resolver, provider, clock, events } = await startResolver(document);
    provider.publish('{', 'bad');
    await clock.advance(60_000);
    provider.answer({ unchanged: true, revision: 'bad' });
    await clock.advance(60_000 * 4);
    expect(provider.requests.slice(1).map((request) => request.knownRevision)).to.deep.equal([
      '1',
      'bad',
      'bad',
      'bad',
      'bad',
    ]);
    expect(resolver.status()).to.include({ state: 'stale', ageMs: 300_000 });
    expect(resolver.status().lastRejected).to.include({ revision: 'bad' });
    expect(eventsNamed(events, 'documentRejected')).to.have.length(1);
  });

  it('is not decoded again where it is sent again', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    let looks = 0;
    const hostile = {
      get [host](): string {
        looks += 1;
        return 'nonsense';
      },
    };
    provider.answer({ document: hostile, revision: 'bad' });
    await resolver.refresh();
    const afterFirst = looks;
    await clock.advance(60_000 * 3);
    // Each time one look, to see whether the content is the same.
    expect(looks - afterFirst).to.equal(3);
    expect(resolver.status().counters).to.include({ documentsRejected: 4 });
  });

  it('keeps no good document out that comes under the same name', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.publish('{', 'latest');
    await clock.advance(60_000);
    provider.publish({ ...document, [host]: other }, 'latest');
    await clock.advance(60_000);
    expect(resolver.snapshot.revision).to.equal('latest');
    expect(resolver.status()).not.to.have.property('lastRejected');
  });

  it('is over when the store holds again what is in force', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.publish('{', 'bad');
    await clock.advance(60_000);
    provider.publish(document, '1');
    await clock.advance(60_000);
    expect(resolver.status()).to.include({ state: 'fresh', revision: '1' });
    await clock.advance(60_000);
    expect(provider.requests.at(-1)?.knownRevision).to.equal('1');
  });
});
