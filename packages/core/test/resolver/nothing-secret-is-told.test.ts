import { inspect } from 'node:util';
import { expect } from 'chai';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { FakeClock } from '../support/fake-clock.js';
import { TestProvider } from '../support/providers.js';
import { eventsNamed, startResolver } from '../support/resolvers.js';
import { warningsDuring } from '../support/warnings.js';

const canary = 'canary-hvs.CAESI-0123456789abcdef';
const document = { [host]: pinOf('lone') };

/** What the client of a store may throw: the request, with its token, is all over it. */
function leakyError(): Error {
  const config = { headers: { 'X-Vault-Token': canary }, url: `https://vault.test/?token=${canary}` };
  const error = new TypeError(`403 from ${config.url}`, { cause: new Error(canary) });
  return Object.assign(error, {
    code: 'ERR_BAD_REQUEST',
    config,
    request: { config },
    response: { data: canary },
  });
}

const everything = (value: unknown): string =>
  inspect(value, { depth: 20, showHidden: true, maxStringLength: null });

describe("a secret in a foreign provider's error", () => {
  it('is in no event, status, warning or error while the resolver runs', async () => {
    let told: unknown[] = [];
    const warned = await warningsDuring(async () => {
      const { resolver, provider, events, clock } = await startResolver(document, {
        warnings: true,
        maxStaleMs: 600_000,
      });
      provider.answer(leakyError());
      const result = await resolver.refresh();
      await clock.advance(700_000);
      expect(eventsNamed(events, 'refreshError')).to.have.length.greaterThan(1);
      told = [
        result,
        events,
        resolver.status(),
        resolver.checkServerIdentity(host, lonePeer('lone')),
        resolver,
      ];
    });
    expect(warned.map(({ code }) => code)).to.include('ERR_RESOLVER_EXPIRED');
    expect(everything([told, warned])).not.to.contain(canary);
    expect(everything(told)).to.contain('TypeError ERR_BAD_REQUEST');
  });

  it('is not in the error of a start either', async () => {
    const provider = new TestProvider(document);
    provider.answer(leakyError());
    const clock = new FakeClock(testTime);
    const failing = startResolver(provider, {}, clock).catch((error: unknown) => error);
    await clock.advance(8_000);
    const error = await failing;
    expect(error).to.have.property('code', 'ERR_PROVIDER_UNAVAILABLE');
    expect(everything(error)).not.to.contain(canary);
  });

  it('is not told where the store answers with something else than pins', async () => {
    for (const answer of [
      canary,
      `{"token": "${canary}"`,
      { token: canary },
      { [host]: { token: canary } },
      [canary],
    ]) {
      const { resolver, provider, events } = await startResolver(document);
      provider.publish(answer);
      const result = await resolver.refresh();
      expect(result.outcome).to.equal('rejected');
      expect(everything([result, events, resolver.status()]), everything(answer)).not.to.contain(canary);
    }
  });
});
