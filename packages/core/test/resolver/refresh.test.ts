import { expect } from 'chai';
import { PinDocumentError, PinProviderError } from '#src/errors.js';
import type { PinReadResult } from '#src/provider.js';
import { checked } from '../support/errors.js';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { settle } from '../support/fake-clock.js';
import { eventsNamed, onlyEvent, startResolver, typesOf, refreshLater } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const document = { [host]: lone };
const peer = lonePeer('lone');
const down = new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'memory' });

describe('a rotation', () => {
  it('puts the new pins in force, and names what came, went and changed', async () => {
    const { resolver, provider, clock, events } = await startResolver({ ...document, 'gone.test': other });
    provider.publish({ [host]: other, 'new.test': other });
    await clock.advance(60_000);
    expect(resolver.snapshot).to.include({ revision: '2', source: 'provider', fetchedAt: testTime + 60_000 });
    const rotation = onlyEvent(events, 'rotate');
    expect(rotation).to.deep.include({
      added: ['new.test'],
      removed: ['gone.test'],
      changed: [host],
      revision: '2',
      previousRevision: '1',
      resolver: 'memory',
      at: testTime + 60_000,
    });
    expect(resolver.status().counters).to.include({ reads: 1, rotations: 1 });
    expect(resolver.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_MISMATCH');
  });

  it('asks with the revision in force', async () => {
    const { provider, clock } = await startResolver(document);
    await clock.advance(60_000);
    expect(provider.requests.map((request) => request.knownRevision)).to.deep.equal([undefined, '1']);
  });

  it('is none where the store says so, or has the same content under another revision', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    provider.answer({ unchanged: true, revision: '1' });
    expect(await refreshLater({ resolver, clock })).to.deep.equal({ outcome: 'unchanged', revision: '1' });
    provider.publish(document, '9');
    expect(await refreshLater({ resolver, clock })).to.deep.equal({ outcome: 'unchanged', revision: '9' });
    expect(typesOf(events)).to.deep.equal(['ready']);
    expect(resolver.snapshot.revision).to.equal('9');
  });

  it('of $revoked alone is one too', async () => {
    const { resolver, provider, events } = await startResolver(document);
    provider.publish({ ...document, $revoked: lone });
    expect(await resolver.refresh()).to.deep.equal({ outcome: 'rotated', revision: '2' });
    expect(onlyEvent(events, 'rotate')).to.deep.include({ added: [], removed: [], changed: [] });
    expect(resolver.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_REVOKED');
  });

  it('has a snapshot that can be sent to a worker and cannot be changed', async () => {
    const { resolver } = await startResolver({ ...document, $generation: 4 });
    expect(structuredClone(resolver.snapshot)).to.deep.equal(resolver.snapshot);
    expect(Object.isFrozen(resolver.snapshot) && Object.isFrozen(resolver.snapshot.document)).to.equal(true);
    expect(resolver.snapshot).to.include({ generation: 4, location: 'secret/tls-pins' });
  });

  it('happens at once when a push bridge says so, and not where the revision is in force', async () => {
    const { resolver, provider } = await startResolver(document);
    resolver.notify('1');
    expect(provider.reads).to.equal(1);
    provider.publish({ [host]: other });
    resolver.notify('2');
    await settle();
    expect(resolver.snapshot.revision).to.equal('2');
    resolver.notify();
    expect(provider.reads).to.equal(3);
  });

  it('is not missed where a push comes while an older answer is on its way', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    let reply: (result: PinReadResult) => void = () => undefined;
    provider.answer(() => new Promise((resolve) => (reply = resolve)));
    const reading = resolver.refresh();
    provider.publish({ [host]: other });
    resolver.notify('2');
    reply({ unchanged: true, revision: '1' });
    expect((await reading).outcome).to.equal('unchanged');
    await clock.advance(1_000);
    expect(resolver.snapshot.revision).to.equal('2');
    expect(provider.reads).to.equal(3);
  });

  it('is read once, however many ask', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    const outcomes = await Promise.all([resolver.refresh(), resolver.refresh(), resolver.refresh()]);
    resolver.notify('x');
    resolver.notify('y');
    await clock.advance(1_000);
    expect(provider.reads).to.equal(3);
    expect(new Set(outcomes).size).to.equal(1);
  });
});

describe('a document that is refused', () => {
  for (const [title, published, code] of [
    ['broken text', '{', 'ERR_DOCUMENT_MALFORMED'],
    ['empty', {}, 'ERR_DOCUMENT_EMPTY'],
    ['one bad key', { ...document, 'a b': other }, 'ERR_DOCUMENT_MALFORMED'],
    ['no usable row', { [host]: 'nonsense' }, 'ERR_DOCUMENT_MALFORMED'],
    ['too large', { [host]: other, $note: 'x'.repeat(2_000) }, 'ERR_DOCUMENT_TOO_LARGE'],
    ['a newer format', { [host]: other, $format: 'pinvault/2' }, 'ERR_DOCUMENT_FORMAT'],
    ['a revocation that cannot be read', { [host]: other, $revoked: 'x' }, 'ERR_DOCUMENT_MALFORMED'],
    ['a very long row', { [host]: 'x,'.repeat(400) }, 'ERR_DOCUMENT_MALFORMED'],
  ] as const) {
    it(`(${title}) leaves the last good pins in force`, async () => {
      const { resolver, provider, events } = await startResolver(document, { maxDocumentBytes: 1_500 });
      provider.publish(published);
      const result = await resolver.refresh();
      expect(result.outcome).to.equal('rejected');
      if (result.outcome === 'rejected') checked(result.error, PinDocumentError, code);
      expect(resolver.snapshot.revision).to.equal('1');
      expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
      expect(onlyEvent(events, 'documentRejected'))
        .to.include({ revision: '2' })
        .and.to.have.nested.property('error.code', code);
      expect(resolver.status().lastRejected).to.include({ revision: '2', code, at: testTime });
    });
  }

  it('is told once for each revision, and again when another one is refused', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    for (const revision of ['2', '2', '2', '3']) {
      provider.publish({ 'a b': other }, revision);
      await refreshLater({ resolver, clock });
    }
    expect(eventsNamed(events, 'documentRejected').map((event) => event.revision)).to.deep.equal(['2', '3']);
    expect(resolver.status()).to.have.nested.property('counters.documentsRejected', 4);
    expect(resolver.status().lastRejected).to.include({ host: 'a b' });
  });

  it('is forgotten when a good one comes', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    provider.publish('{');
    await refreshLater({ resolver, clock });
    provider.publish({ [host]: other });
    await refreshLater({ resolver, clock });
    expect(resolver.status()).not.to.have.property('lastRejected');
    provider.publish('{', '2');
    await refreshLater({ resolver, clock });
    expect(eventsNamed(events, 'documentRejected')).to.have.length(2);
  });

  it('is forgotten when the store holds again what is in force', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    provider.publish('{');
    await refreshLater({ resolver, clock });
    provider.answer({ unchanged: true, revision: '1' });
    await refreshLater({ resolver, clock });
    expect(resolver.status()).not.to.have.property('lastRejected');
    provider.publish('{', '2');
    await refreshLater({ resolver, clock });
    expect(eventsNamed(events, 'documentRejected')).to.have.length(2);
  });

  it('by the provider itself is refused like any other, and slows nothing down', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    const error = new PinDocumentError('ERR_DOCUMENT_TOO_LARGE', 'too large', { reason: 'too-large' });
    provider.answer(error);
    expect(await resolver.refresh()).to.deep.equal({ outcome: 'rejected', error });
    expect(onlyEvent(events, 'documentRejected')).to.include({ revision: 'unknown', error });
    expect(resolver.status()).to.have.nested.property('counters.documentsRejected', 1);
    expect(eventsNamed(events, 'refreshError')).to.deep.equal([]);
    expect(clock.delays).to.include(60_000);
  });

  it('because it ended before it was read leaves the pins in force; at the start it counts for nothing', async () => {
    const ended = { [host]: other, $expires: '2026-03-01' };
    const { resolver, provider, events } = await startResolver(document);
    provider.publish(ended);
    expect((await resolver.refresh()).outcome).to.equal('rejected');
    expect(onlyEvent(events, 'documentRejected').error.message).to.equal(
      'ERR_DOCUMENT_MALFORMED: $expires 2026-03-01T23:59:59.999Z has passed: the document ended before it was read (to end all connections, say block)',
    );
    expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
    const late = await startResolver(ended);
    expect(late.resolver.status().state).to.equal('expired');
    expect(late.resolver.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_RESOLVER_EXPIRED');
  });

  it('does not stop the timer, nor slow it down', async () => {
    const { provider, clock } = await startResolver(document);
    provider.publish('{');
    await clock.advance(60_000 * 3);
    expect(provider.reads).to.equal(4);
  });
});

describe('a bad row', () => {
  it('keeps its last good pins, is named, and takes no neighbour along', async () => {
    const { resolver, provider, events } = await startResolver({ ...document, 'b.test': other });
    provider.publish({ [host]: `${lone} sha256/x`, 'b.test': lone });
    expect(await resolver.refresh()).to.include({ outcome: 'rotated' });
    expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
    expect(onlyEvent(events, 'rotate').changed).to.deep.equal(['b.test']);
    const { row, revision } = onlyEvent(events, 'rowRejected');
    expect(revision).to.equal('2');
    expect(row).to.include({ key: host, tokenIndex: 1, reason: 'bad-pin', code: 'ERR_PIN_SYNTAX' });
    expect(resolver.status().quarantined).to.deep.equal([row]);
  });

  it('is told once, not at each read', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    for (const revision of ['2', '3']) {
      provider.publish({ [host]: 'nonsense', 'b.test': other }, revision);
      await refreshLater({ resolver, clock });
    }
    expect(eventsNamed(events, 'rowRejected')).to.have.length(1);
    provider.publish(document);
    await refreshLater({ resolver, clock });
    expect(resolver.status().quarantined).to.deep.equal([]);
  });

  it('at a cold start refuses its host, and never falls through to a wider key', async () => {
    const { resolver, events } = await startResolver({ [host]: 'nonsense', '*': 'none' });
    onlyEvent(events, 'rowRejected');
    expect(resolver.checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_ROW_INVALID');
    expect(resolver.lookup(host)).to.include({ rule: 'quarantined', pattern: host });
    expect(resolver.lookup('else.test').rule).to.equal('none');
  });
});

describe('a rollback', () => {
  const generation = (value: number | undefined, pin = lone): object =>
    value === undefined ? { [host]: pin } : { [host]: pin, $generation: value };

  for (const next of [4, 0, undefined]) {
    it(`from 5 to ${next ?? 'none'} is refused`, async () => {
      const { resolver, provider, events } = await startResolver(generation(5));
      provider.publish(generation(next, other));
      await resolver.refresh();
      expect(onlyEvent(events, 'documentRejected').error.code).to.equal('ERR_DOCUMENT_ROLLBACK');
      expect(resolver.status()).to.include({ generation: 5, revision: '1' });
    });
  }

  it('is measured by the last document that was taken', async () => {
    const { resolver, provider, clock } = await startResolver(generation(undefined));
    for (const [next, outcome] of [
      [3, 'rotated'],
      [2, 'rejected'],
      [7, 'rotated'],
      [6, 'rejected'],
    ] as const) {
      provider.publish({ ...generation(next), $expires: `20${50 + next}-01-01` });
      expect((await refreshLater({ resolver, clock })).outcome, `${next}`).to.equal(outcome);
    }
  });

  it('is not what an equal generation with other content is', async () => {
    const { resolver, provider } = await startResolver(generation(5));
    provider.publish(generation(5, other));
    expect((await resolver.refresh()).outcome).to.equal('rotated');
  });

  it('is not what a document without generations is: the store decides', async () => {
    const { resolver, provider } = await startResolver(generation(undefined));
    provider.publish(generation(undefined, other), '0');
    expect((await resolver.refresh()).outcome).to.equal('rotated');
  });
});

describe('a required host', () => {
  it('keeps its last pins when an edit takes them away, and is named', async () => {
    const { resolver, provider, events } = await startResolver(document, { requiredHosts: [host] });
    provider.publish({ [host]: 'none', 'b.test': other });
    await resolver.refresh();
    expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
    expect(resolver.checkServerIdentity(host, lonePeer('key ec'))).to.have.property(
      'code',
      'ERR_PIN_MISMATCH',
    );
    expect(onlyEvent(events, 'rowRejected').row).to.include({
      code: 'ERR_DOCUMENT_REQUIRED_HOST',
      key: host,
    });
  });
});

describe('a read that fails', () => {
  it('leaves the pins in force, and is told each time', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    provider.answer(down);
    expect(await resolver.refresh()).to.deep.equal({ outcome: 'failed', error: down });
    await clock.advance(100);
    expect(eventsNamed(events, 'refreshError').map((event) => event.error)).to.deep.equal([down, down]);
    expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
    expect(resolver.status().lastError).to.deep.equal({
      code: down.code,
      message: down.message,
      at: testTime + 100,
    });
    expect(resolver.status().counters).to.include({ reads: 2, readFailures: 2 });
  });

  it('is forgotten after a good one, and that is told', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    provider.answer(down);
    await refreshLater({ resolver, clock });
    provider.publish(document);
    await refreshLater({ resolver, clock });
    expect(resolver.status()).not.to.have.property('lastError');
    onlyEvent(events, 'recovered');
  });

  it('because the secret is gone, or access denied, leaves the pins in force too', async () => {
    for (const code of ['ERR_PROVIDER_NOT_FOUND', 'ERR_PROVIDER_DENIED'] as const) {
      const { resolver, provider } = await startResolver(document);
      provider.answer(new PinProviderError(code, 'no', { provider: 'memory' }));
      expect((await resolver.refresh()).outcome).to.equal('failed');
      expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
    }
  });

  it('is tried again with a back-off, as long as the store asks', async () => {
    const { provider, clock, resolver } = await startResolver(document);
    provider.answer(
      new PinProviderError('ERR_PROVIDER_THROTTLED', 'no', { provider: 'm', retryAfterMs: 7_000 }),
    );
    await resolver.refresh();
    expect(resolver.status().nextRefreshAt).to.equal(testTime + 7_000);
    await clock.advance(6_999);
    expect(provider.reads).to.equal(2);
    await clock.advance(1);
    expect(provider.reads).to.equal(3);
  });

  it('because the answer is none fails like the others, and the next one is read', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    for (const answer of [undefined, null, {}, { unchanged: false, revision: '1' }]) {
      provider.answer(async () => answer as unknown as PinReadResult);
      expect((await refreshLater({ resolver, clock })).outcome).to.equal('failed');
    }
    provider.publish({ [host]: other });
    await clock.advance(60_000);
    expect(resolver.snapshot.revision).to.equal('2');
  });

  it('because of something unforeseen in the answer fails like the others, and the next one is read', async () => {
    const { resolver, provider, clock, events } = await startResolver(document);
    const trap = {
      revision: '2',
      get document(): object {
        throw new RangeError('canary');
      },
    };
    provider.answer(async () => trap);
    const result = await resolver.refresh();
    expect(result).to.have.nested.property(
      'error.message',
      'ERR_PROVIDER_UNAVAILABLE: the answer of memory could not be used: RangeError',
    );
    expect(eventsNamed(events, 'refreshError')).to.have.length(1);
    provider.publish({ [host]: other });
    await clock.advance(60_000);
    expect(resolver.snapshot.revision).to.equal('2');
  });

  it('because the provider hangs ends, and the next one is read', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    provider.hang();
    await clock.advance(63_000);
    expect(resolver.status().lastError).to.include({ code: 'ERR_PROVIDER_TIMEOUT' });
    provider.publish({ [host]: other });
    await clock.advance(1_000);
    expect(resolver.snapshot.revision).to.equal('2');
  });
});

describe('a late reply', () => {
  it('never wins against a newer one', async () => {
    const { resolver, provider, clock } = await startResolver(document);
    let reply: (result: PinReadResult) => void = () => undefined;
    provider.answer(() => new Promise((resolve) => (reply = resolve)));
    const reading = resolver.refresh();
    await clock.advance(3_000);
    expect((await reading).outcome).to.equal('failed');
    provider.publish({ [host]: other });
    await clock.advance(1_000);
    reply({ document, revision: 'late' });
    await settle();
    expect(resolver.snapshot.revision).to.equal('2');
  });
});
