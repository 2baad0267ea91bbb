import { expect } from 'chai';
import { PinProviderError, type PinProviderErrorCode } from '#src/errors.js';
import { host, pinOf, testTime } from '../support/chains.js';
import { FakeClock } from '../support/fake-clock.js';
import { TestProvider } from '../support/providers.js';
import { isPending, startResolver } from '../support/resolvers.js';

const document = { [host]: pinOf('lone') };

/** How long a start with this provider takes to fail. */
async function failsAfterMs(
  provider: TestProvider,
  random: number,
  startupTimeoutMs = 8_000,
): Promise<number> {
  const clock = new FakeClock(testTime);
  const options = { failedStartDelayMs: 2_000, random: () => random, startupTimeoutMs };
  const starting = startResolver(provider, options, clock);
  // It may fail between two looks.
  starting.catch(() => undefined);
  for (let passedMs = 0; passedMs <= 10_000; passedMs += 50) {
    await clock.advance(passedMs === 0 ? 0 : 50);
    if (!(await isPending(starting))) {
      expect(await starting.catch((error: unknown) => error)).to.be.an.instanceof(Error);
      return passedMs;
    }
    // Until then the process is held open: who waits for the error gets it.
    expect(clock.keepingAlive).to.equal(1);
  }
  throw new Error('never failed');
}

function failing(code: PinProviderErrorCode): TestProvider {
  const provider = new TestProvider(document);
  provider.answer(new PinProviderError(code, 'no', { provider: 'memory' }));
  return provider;
}

describe('a start that fails', () => {
  for (const code of ['ERR_PROVIDER_DENIED', 'ERR_PROVIDER_NOT_FOUND'] as const) {
    it(`with ${code} takes its moment, so that restarts do not hammer the store`, async () => {
      expect(await failsAfterMs(failing(code), 0)).to.equal(1_000);
      expect(await failsAfterMs(failing(code), 0.999_999)).to.equal(2_000);
    });
  }

  it('with a malformed document takes its moment too', async () => {
    const provider = new TestProvider(document);
    provider.publish('{');
    expect(await failsAfterMs(provider, 0.5)).to.equal(1_500);
  });

  it('by a wrong configuration fails at once', async () => {
    for (const code of ['ERR_PROVIDER_MISCONFIGURED', 'ERR_PROVIDER_SDK_MISSING'] as const) {
      expect(await failsAfterMs(failing(code), 0.5)).to.equal(0);
    }
  });

  it('never takes longer than its time', async () => {
    expect(await failsAfterMs(failing('ERR_PROVIDER_DENIED'), 0.5, 500)).to.equal(500);
  });
});
