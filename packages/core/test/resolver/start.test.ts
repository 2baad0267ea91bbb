import { expect } from 'chai';
import { PinDocumentError, PinError, PinProviderError, type PinProviderErrorCode } from '#src/errors.js';
import type { PinReadResult } from '#src/provider.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { expectInvalidOption, rejectionOf } from '../support/errors.js';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { FakeClock } from '../support/fake-clock.js';
import { TestProvider } from '../support/providers.js';
import { isPending, onlyEvent, startResolver, typesOf } from '../support/resolvers.js';

const document = { [host]: pinOf('lone') };
const failure = (code: PinProviderErrorCode, retryAfterMs?: number): PinProviderError =>
  new PinProviderError(code, 'no', { provider: 'memory', retryAfterMs });
const passing = ['ERR_PROVIDER_UNAVAILABLE', 'ERR_PROVIDER_TIMEOUT', 'ERR_PROVIDER_THROTTLED'] as const;
const lasting = ['ERR_PROVIDER_NOT_FOUND', 'ERR_PROVIDER_MISCONFIGURED', 'ERR_PROVIDER_SDK_MISSING'] as const;

describe('the start of a resolver', () => {
  it('ends with the first good snapshot', async () => {
    const { resolver, provider, events, clock } = await startResolver(document);
    expect(resolver.snapshot).to.include({
      revision: '1',
      source: 'provider',
      provider: 'memory',
      fetchedAt: testTime,
    });
    expect(resolver.status()).to.include({ state: 'fresh', name: 'memory', isClosed: false });
    expect(typesOf(events)).to.deep.equal(['ready']);
    expect(provider.requests[0]?.knownRevision).to.equal(undefined);
    expect(clock.keepingAlive).to.equal(0);
  });

  it('keeps the process alive until then', async () => {
    const provider = new TestProvider(document);
    provider.answer(failure('ERR_PROVIDER_UNAVAILABLE'));
    const clock = new FakeClock(testTime);
    const starting = startResolver(provider, {}, clock);
    await clock.advance(1);
    expect(clock.keepingAlive).to.equal(1);
    provider.publish(document);
    await clock.advance(1_000);
    await starting;
    expect(clock.keepingAlive).to.equal(0);
  });

  it('is refused for an option that is none, before anything is read', async () => {
    const provider = new TestProvider(document);
    const mistake: unknown = await startResolver(provider, { readTimeoutMs: 0 }).catch(
      (error: unknown) => error,
    );
    expectInvalidOption(mistake, 'readTimeoutMs');
    expect(provider.reads).to.equal(0);
  });

  for (const code of passing) {
    it(`tries again after ${code}, and succeeds when the store does`, async () => {
      const provider = new TestProvider(document);
      provider.answer(failure(code));
      const clock = new FakeClock(testTime);
      const starting = startResolver(provider, {}, clock);
      await clock.advance(3_000);
      expect(provider.reads).to.be.greaterThan(2);
      provider.publish(document);
      await clock.advance(3_200);
      expect((await starting).resolver.status()).to.include({ state: 'fresh', revision: '2' });
    });

    it(`fails with ${code} within the time of the start, and closes the provider`, async () => {
      const provider = new TestProvider(document);
      provider.answer(failure(code));
      const clock = new FakeClock(testTime);
      const starting = startResolver(provider, { startupTimeoutMs: 5_000 }, clock);
      const rejected = rejectionOf(starting, PinProviderError, code);
      await clock.advance(5_000);
      const error = await rejected;
      expect(error.message).to.contain('5 s').and.to.contain('PINVAULT_FALLBACK_PINS');
      expect(provider.closed).to.equal(1);
      expect(clock.delays).to.deep.equal([]);
    });
  }

  for (const code of [...lasting, 'ERR_PROVIDER_DENIED'] as const) {
    it(`fails at once with ${code}`, async () => {
      const provider = new TestProvider(document);
      provider.answer(failure(code));
      await rejectionOf(startResolver(provider), PinProviderError, code);
      expect([provider.reads, provider.closed]).to.deep.equal([1, 1]);
    });
  }

  for (const [title, published, code] of [
    ['malformed', '{', 'ERR_DOCUMENT_MALFORMED'],
    ['empty', '', 'ERR_DOCUMENT_EMPTY'],
    ['of a newer format', { ...document, $format: 'pinvault/2' }, 'ERR_DOCUMENT_FORMAT'],
    ['without a required host', { 'b.test': 'none' }, 'ERR_DOCUMENT_REQUIRED_HOST'],
    ['too large', { ...document, $note: 'x'.repeat(2_000) }, 'ERR_DOCUMENT_TOO_LARGE'],
  ] as const) {
    it(`fails at once with a document that is ${title}, and says where it lies`, async () => {
      const provider = new TestProvider(document);
      provider.publish(published);
      const fallback = new TestProvider(document, 'env');
      const options = { requiredHosts: [host], maxDocumentBytes: 1_000, fallback };
      const error = await rejectionOf(startResolver(provider, options), PinDocumentError, code);
      expect(error.message).to.contain('memory secret/tls-pins, revision 2');
      expect([provider.reads, fallback.reads, fallback.closed]).to.deep.equal([1, 0, 1]);
    });
  }

  it('of a provider that hangs ends with ERR_PROVIDER_TIMEOUT, in time', async () => {
    const provider = new TestProvider(document);
    provider.hang();
    const clock = new FakeClock(testTime);
    const rejected = rejectionOf(
      startResolver(provider, {}, clock),
      PinProviderError,
      'ERR_PROVIDER_TIMEOUT',
    );
    await clock.advance(8_000);
    await rejected;
    expect(provider.requests.every((request) => request.signal.aborted)).to.equal(true);
  });

  it('never takes longer than its time, where a read would', async () => {
    const provider = new TestProvider(document);
    provider.hang();
    const clock = new FakeClock(testTime);
    const starting = startResolver(provider, { startupTimeoutMs: 500 }, clock);
    const rejected = rejectionOf(starting, PinProviderError, 'ERR_PROVIDER_TIMEOUT');
    await clock.advance(500);
    await rejected;
  });

  it('that is cut short in a later read fails with what the read before has said', async () => {
    const provider = new TestProvider(document);
    provider.answer(failure('ERR_PROVIDER_UNAVAILABLE'));
    const clock = new FakeClock(testTime);
    const rejected = rejectionOf(
      startResolver(provider, { startupTimeoutMs: 1_000 }, clock),
      PinProviderError,
      'ERR_PROVIDER_UNAVAILABLE',
    );
    await clock.advance(0);
    provider.hang();
    await clock.advance(1_000);
    await rejected;
    expect(provider.reads).to.equal(2);
  });

  it('keeps its time with a fallback, too, where provider and fallback both hang', async () => {
    const [provider, fallback] = [new TestProvider(document), new TestProvider(document, 'env')];
    provider.hang();
    fallback.hang();
    const clock = new FakeClock(testTime);
    const starting = startResolver(provider, { fallback }, clock);
    const rejected = rejectionOf(starting, PinProviderError, 'ERR_PROVIDER_TIMEOUT');
    await clock.advance(8_000);
    expect((await rejected).provider).to.equal('env');
  });

  it('waits as long as a throttling store asks, and fails at once where that is too long', async () => {
    const clock = new FakeClock(testTime);
    const provider = new TestProvider(document);
    provider.answer(failure('ERR_PROVIDER_THROTTLED', 2_000));
    const starting = startResolver(provider, {}, clock);
    await clock.advance(1_999);
    expect(provider.reads).to.equal(1);
    provider.publish(document);
    await clock.advance(1);
    await starting;
    provider.answer(failure('ERR_PROVIDER_THROTTLED', 60_000));
    const error = await rejectionOf(startResolver(provider), PinProviderError, 'ERR_PROVIDER_THROTTLED');
    expect(error.retryAfterMs).to.equal(60_000);
  });

  it('takes "unchanged" to the first read for no answer', async () => {
    const provider = new TestProvider(document);
    provider.answer({ unchanged: true, revision: '1' });
    const clock = new FakeClock(testTime);
    const rejected = startResolver(provider, {}, clock).catch((error: unknown) => error);
    await clock.advance(8_000);
    expect(PinError.isPinError(await rejected)).to.equal(true);
  });

  it('of a provider that answers with nothing fails by our error', async () => {
    const provider = new TestProvider(document);
    provider.answer(async () => undefined as unknown as PinReadResult);
    await rejectionOf(startResolver(provider), PinProviderError, 'ERR_PROVIDER_MISCONFIGURED');
  });

  it('is not decided before its time', async () => {
    const provider = new TestProvider(document);
    provider.hang();
    const clock = new FakeClock(testTime);
    const starting = PinResolver.create(provider, { clock, warnings: false });
    const rejected = rejectionOf(starting, PinProviderError, 'ERR_PROVIDER_TIMEOUT');
    await clock.advance(7_000);
    expect(await isPending(starting)).to.equal(true);
    await clock.advance(1_000);
    await rejected;
  });
});

describe('the fallback', () => {
  for (const code of [...passing, 'ERR_PROVIDER_DENIED'] as const) {
    it(`serves after ${code}, and is never fresh`, async () => {
      const provider = new TestProvider(document);
      provider.answer(failure(code));
      const clock = new FakeClock(testTime);
      const starting = startResolver(provider, { fallback: new TestProvider(document, 'env') }, clock);
      await clock.advance(8_000);
      const { resolver, events } = await starting;
      expect(resolver.status()).to.include({ state: 'stale', source: 'fallback', provider: 'env' });
      expect(resolver.status().lastError).to.include({ code });
      expect(resolver.checkServerIdentity(host, lonePeer('lone'))).to.equal(undefined);
      expect(typesOf(events)).to.include.members(['refreshError', 'ready', 'stale']);
    });
  }

  for (const code of lasting) {
    it(`does not serve after ${code}`, async () => {
      const provider = new TestProvider(document);
      provider.answer(failure(code));
      const fallback = new TestProvider(document, 'env');
      await rejectionOf(startResolver(provider, { fallback }), PinProviderError, code);
      expect([fallback.reads, fallback.closed]).to.deep.equal([0, 1]);
    });
  }

  it('serves after a few attempts, and does not wait out the whole time of the start', async () => {
    const provider = new TestProvider(document);
    provider.answer(failure('ERR_PROVIDER_UNAVAILABLE'));
    const clock = new FakeClock(testTime);
    const starting = startResolver(provider, { fallback: new TestProvider(document, 'env') }, clock);
    await clock.advance(600);
    await starting;
    expect(provider.reads).to.equal(3);
  });

  it('gives way to the provider as soon as that answers', async () => {
    const provider = new TestProvider(document);
    provider.answer(failure('ERR_PROVIDER_UNAVAILABLE'));
    const clock = new FakeClock(testTime);
    const starting = startResolver(
      provider,
      { fallback: new TestProvider({ [host]: 'block' }, 'env') },
      clock,
    );
    await clock.advance(2_000);
    const { resolver, events } = await starting;
    expect(resolver.lookup(host).rule).to.equal('block');
    provider.publish(document);
    await clock.advance(1_000);
    expect(resolver.status()).to.include({ state: 'fresh', source: 'provider', revision: '2' });
    expect(provider.requests.at(-1)?.knownRevision).to.equal(undefined);
    expect(onlyEvent(events, 'rotate').changed).to.deep.equal([host]);
    onlyEvent(events, 'recovered');
  });

  it('that fails too ends the start with its own error', async () => {
    const provider = new TestProvider(document);
    provider.answer(failure('ERR_PROVIDER_DENIED'));
    const fallback = new TestProvider(document, 'env');
    fallback.publish('{');
    await rejectionOf(startResolver(provider, { fallback }), PinDocumentError, 'ERR_DOCUMENT_MALFORMED');
    expect([provider.closed, fallback.closed]).to.deep.equal([1, 1]);
  });

  it('has to have the required hosts too', async () => {
    const provider = new TestProvider(document);
    provider.answer(failure('ERR_PROVIDER_DENIED'));
    const options = { fallback: new TestProvider({ 'b.test': 'none' }, 'env'), requiredHosts: [host] };
    await rejectionOf(startResolver(provider, options), PinDocumentError, 'ERR_DOCUMENT_REQUIRED_HOST');
  });
});
