import { expect } from 'chai';
import { VirtualClock, warningsDuring } from '@pinvault/testing';
import { type PinProvider, PinResolver } from '@pinvault/core';
import { createVaultProvider } from '#src/index.js';
import { startTokenVault, type TokenVault } from '../support/token-vault.js';

const minute = 60_000;

describe('four hours of a token', function () {
  this.timeout(60_000);

  let clock: VirtualClock;
  let tokens: TokenVault;
  let provider: PinProvider;

  beforeEach(async () => {
    clock = new VirtualClock(Date.UTC(2026, 10, 24, 12));
    tokens = await startTokenVault(clock);
    provider = createVaultProvider({
      address: tokens.vault.address,
      path: 'secret/tls-pins',
      kvVersion: 2,
      maxRetries: 0,
      auth: { method: 'approle', roleId: 'role', secretId: 'secret', revokeOnClose: true },
      env: {},
      clock,
    });
  });

  afterEach(async () => {
    await provider.close?.();
    await tokens.close();
  });

  /** Reads every half minute, as a resolver does; tells which reads failed, by minute and code. */
  async function live(minutes: number): Promise<string[]> {
    const failed: string[] = [];
    for (let half = 0; half < 2 * minutes; half += 1) {
      await provider.read({ signal: new AbortController().signal }).catch((error: { code: string }) => {
        failed.push(error.code);
      });
      await clock.advance(minute / 2, () => tokens.settled());
    }
    return failed;
  }

  it('are one log-in an hour and renewals in between; no read fails', async () => {
    expect(await live(240)).to.deep.equal([]);
    // A token lives for an hour at most, and its successor is there before it ends.
    expect(tokens.logIns).to.be.within(4, 6);
    expect(tokens.renewals).to.be.within(8, 40);
    await provider.close?.();
    expect(tokens.revoked).to.have.length(1);
    const { requests } = tokens.vault;
    await clock.advance(240 * minute, () => tokens.settled());
    expect(tokens.vault.requests).to.equal(requests);
  });

  it('outlive refused renewals, an outage of the log-in and a revocation', async () => {
    const warnings = await warningsDuring(async () => {
      expect(await live(30)).to.deep.equal([]);
      // Log-ins and renewals fail for a while, which is shorter than what is left of the token.
      tokens.failWith(500);
      expect(await live(5)).to.deep.equal([]);
      tokens.failWith(undefined);
      expect(await live(85)).to.deep.equal([]);
      tokens.revokeAll();
      expect(await live(60)).to.deep.equal([]);
      // The vault is away for longer than the token lasts: reads fail, and come back by themselves.
      tokens.goDown(true);
      const lost = await live(30);
      expect(new Set(lost)).to.deep.equal(new Set(['ERR_PROVIDER_UNAVAILABLE']));
      tokens.goDown(false);
      const late = await live(30);
      expect(late.length, 'reads that the back-off lost').to.be.at.most(10);
    });
    expect(warnings).not.to.have.length(0);
    for (const { code } of warnings) expect(code).to.equal('ERR_PROVIDER_UNAVAILABLE');
    expect(tokens.logIns).to.be.below(60);
  });

  it('need no patience of who mends the role, and asks', async () => {
    const resolver = await PinResolver.create(provider, { clock, warnings: false });
    const go = (ms: number) => clock.advance(ms, () => tokens.settled());
    tokens.revokeAll();
    tokens.failWith(403);
    await go(30 * minute);
    // From here on the next one is minutes away.
    const { logIns } = tokens;
    while (tokens.logIns === logIns) await go(1_000);
    tokens.failWith(undefined);
    const asked = resolver.refresh();
    await go(1_000);
    expect(await asked).to.deep.equal({ outcome: 'unchanged', revision: '1' });
    await resolver.close();
  });

  it('with batch tokens are a log-in before each one ends', async () => {
    Object.assign(tokens.rules, { ttl: 1_800, renewable: false, type: 'batch' });
    expect(await live(240)).to.deep.equal([]);
    expect(tokens.renewals).to.equal(0);
    // 80 to 90 % of half an hour each.
    expect(tokens.logIns).to.be.within(9, 11);
    await provider.close?.();
    expect(tokens.revoked).to.deep.equal([]);
  });
});
