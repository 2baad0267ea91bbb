import { inspect } from 'node:util';
import { expect } from 'chai';
import { PinDocumentError, PinProviderError } from '#src/errors.js';
import type { PinReadResult } from '#src/provider.js';
import { readOnce } from '#src/resolver/reader.js';
import { rejectionOf } from '../support/errors.js';
import { testTime } from '../support/chains.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { TestProvider } from '../support/providers.js';

const canary = 'canary-hvs.CAESI-0123456789';

function setUp(): {
  provider: TestProvider;
  clock: FakeClock;
  closing: AbortController;
  read: (knownRevision?: string, keepAlive?: boolean) => Promise<PinReadResult>;
} {
  const provider = new TestProvider({ 'a.test': 'none' });
  const clock = new FakeClock(testTime);
  const closing = new AbortController();
  return {
    provider,
    clock,
    closing,
    read: (knownRevision, keepAlive = false) =>
      readOnce(provider, knownRevision, { timeoutMs: 3_000, signal: closing.signal, keepAlive }, clock),
  };
}

describe('one read', () => {
  it('hands over what the provider answers, and leaves no timer', async () => {
    const { provider, clock, read } = setUp();
    expect(await read()).to.deep.equal({ document: { 'a.test': 'none' }, revision: '1' });
    expect(await read('7')).to.have.property('revision', '1');
    expect(provider.requests.map((request) => request.knownRevision)).to.deep.equal([undefined, '7']);
    expect(clock.delays).to.deep.equal([]);
    expect(provider.requests.some((request) => request.signal.aborted)).to.equal(false);
  });

  it('ends at its deadline, whatever the provider does, and aborts its signal', async () => {
    const { provider, clock, read } = setUp();
    provider.hang();
    const reading = rejectionOf(read(), PinProviderError, 'ERR_PROVIDER_TIMEOUT');
    await clock.advance(2_999);
    expect(provider.requests[0]?.signal.aborted).to.equal(false);
    await clock.advance(1);
    expect((await reading).provider).to.equal('memory');
    expect(provider.requests[0]?.signal.aborted).to.equal(true);
    expect(clock.delays).to.deep.equal([]);
  });

  it('holds the process open only where it is told to', async () => {
    for (const keepAlive of [true, false]) {
      const { provider, clock, read } = setUp();
      provider.hang();
      const reading = rejectionOf(read(undefined, keepAlive), PinProviderError, 'ERR_PROVIDER_TIMEOUT');
      expect(clock.keepingAlive).to.equal(keepAlive ? 1 : 0);
      await clock.advance(3_000);
      await reading;
    }
  });

  it('ends when the resolver closes, before it or meanwhile', async () => {
    for (const isEarly of [true, false]) {
      const { provider, closing, clock, read } = setUp();
      provider.hang();
      if (isEarly) closing.abort();
      const reading = rejectionOf(read(), PinProviderError, 'ERR_PROVIDER_UNAVAILABLE');
      closing.abort();
      expect((await reading).detail).to.equal('ended');
      expect(provider.requests[0]?.signal.aborted).to.equal(true);
      expect(clock.delays).to.deep.equal([]);
    }
  });

  it('that fails late fails nobody', async () => {
    const { provider, clock, read } = setUp();
    let fail: (error: Error) => void = () => undefined;
    provider.answer(() => new Promise<PinReadResult>((_resolve, reject) => (fail = reject)));
    const reading = rejectionOf(read(), PinProviderError, 'ERR_PROVIDER_TIMEOUT');
    await clock.advance(3_000);
    await reading;
    fail(new Error(canary));
    await settle();
  });

  for (const [title, answer] of [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'sha256/x'],
    ['no revision', { document: {} }],
    ['a revision that is a number', { document: {}, revision: 7 }],
    ['unchanged: false', { unchanged: false, revision: '7' }],
  ] as const) {
    it(`that is answered with ${title} is a failed read`, async () => {
      const { provider, read } = setUp();
      provider.answer(async () => answer as unknown as PinReadResult);
      await rejectionOf(read(), PinProviderError, 'ERR_PROVIDER_MISCONFIGURED');
    });
  }

  it('that is answered with unchanged passes nothing else on', async () => {
    const { provider, read } = setUp();
    provider.answer(async () => ({ unchanged: true, revision: '7', document: {} }));
    expect(await read()).to.deep.equal({ unchanged: true, revision: '7' });
  });
});

describe('an error of a provider', () => {
  it('of our own classes is passed on', async () => {
    const { provider, read } = setUp();
    const denied = new PinProviderError('ERR_PROVIDER_DENIED', 'no', { provider: 'memory' });
    provider.answer(denied);
    expect(await rejectionOf(read(), PinProviderError, 'ERR_PROVIDER_DENIED')).to.equal(denied);
    provider.answer(new PinDocumentError('ERR_DOCUMENT_TOO_LARGE', 'much', { reason: 'too-large' }));
    await rejectionOf(read(), PinDocumentError, 'ERR_DOCUMENT_TOO_LARGE');
  });

  it('of another copy of the package becomes one of ours, with its facts', async () => {
    const { provider, read } = setUp();
    const foreign = Object.assign(new Error('ERR_PROVIDER_THROTTLED: slow down'), {
      code: 'ERR_PROVIDER_THROTTLED',
      detail: 'quota',
      retryAfterMs: 9_000,
      headers: { authorization: canary },
    });
    Object.defineProperty(foreign, Symbol.for('@pinvault/core.error'), { value: true });
    provider.answer(foreign);
    const error = await rejectionOf(read(), PinProviderError, 'ERR_PROVIDER_THROTTLED');
    expect(error).to.include({ detail: 'quota', retryAfterMs: 9_000, provider: 'memory' });
    expect(error.message).to.equal('ERR_PROVIDER_THROTTLED: slow down');
    expect(inspect(error, { depth: 9 })).not.to.contain(canary);
  });

  it('of another copy that is about something else is passed on', async () => {
    const { provider, read } = setUp();
    const foreign = Object.assign(new Error('ERR_PIN_MISMATCH: vault'), { code: 'ERR_PIN_MISMATCH' });
    Object.defineProperty(foreign, Symbol.for('@pinvault/core.error'), { value: true });
    provider.answer(foreign);
    expect(await read().catch((error: unknown) => error)).to.equal(foreign);
  });

  for (const [title, thrown, label] of [
    [
      'an error with a code',
      Object.assign(new TypeError(canary), { code: 'ECONNRESET', config: canary }),
      'TypeError ECONNRESET',
    ],
    ['an error without a code', new RangeError(canary, { cause: canary }), 'RangeError'],
    ['a text', canary, 'unknown error'],
    ['an object', { token: canary }, 'unknown error'],
    ['nothing', undefined, 'unknown error'],
  ] as const) {
    it(`that is foreign (${title}) is named, and nothing of it is passed on`, async () => {
      const { provider, read } = setUp();
      provider.answer(() => Promise.reject(thrown));
      const error = await rejectionOf(read(), PinProviderError, 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.message).to.contain(label);
      expect(inspect(error, { depth: 9, showHidden: true })).not.to.contain(canary);
    });
  }

  it('that is thrown, not rejected, is the same', async () => {
    const { provider, read } = setUp();
    provider.answer(() => {
      throw new Error(canary);
    });
    await rejectionOf(read(), PinProviderError, 'ERR_PROVIDER_UNAVAILABLE');
  });
});
