import { expect } from 'chai';
import { VirtualClock, warningsDuring } from '@pinvault/testing';
import type { Clock, PinProvider } from '@pinvault/core';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';
import { providerError } from '../support/errors.js';
import { startTokenVault, type TokenVault } from '../support/token-vault.js';

const second = 1_000;

describe('the tokens of a log-in', () => {
  let clock: VirtualClock;
  let tokens: TokenVault;
  let provider: PinProvider;

  beforeEach(async () => {
    clock = new VirtualClock(Date.UTC(2026, 10, 24, 12));
    tokens = await startTokenVault(clock);
    provider = open();
  });

  afterEach(async () => {
    await provider.close?.();
    await tokens.close();
  });

  function open(options: Partial<VaultProviderOptions> = {}): PinProvider {
    return createVaultProvider({
      address: tokens.vault.address,
      path: 'secret/tls-pins',
      kvVersion: 2,
      maxRetries: 0,
      auth: { method: 'approle', roleId: 'role', secretId: 'secret' },
      env: {},
      clock,
      ...options,
    });
  }

  const read = () => provider.read({ signal: new AbortController().signal });
  const settle = () => tokens.settled();

  it('come from one log-in, however many reads wait for it', async () => {
    const release = tokens.hold();
    const reads = Array.from({ length: 20 }, read);
    await settleSoon();
    release();
    await Promise.all(reads);
    expect(tokens.logIns).to.equal(1);
  });

  it('come from one log-in where all reads were denied at once', async () => {
    await read();
    tokens.revokeAll();
    await Promise.all(Array.from({ length: 20 }, read));
    expect(tokens.logIns).to.equal(2);
  });

  it('are not replaced again within a minute where that did not help', async () => {
    // A vault whose tokens are good for nothing.
    Object.assign(tokens.rules, { maxTtl: 0 });
    for (let each = 0; each < 50; each += 1) {
      await providerError(read, 'ERR_PROVIDER_DENIED');
      await clock.advance(second, settle);
    }
    expect(tokens.logIns).to.be.at.most(3);
  });

  it('are asked for less and less often where the log-in fails', async () => {
    tokens.failWith(403);
    for (let each = 0; each < 600; each += 1) {
      await providerError(read, 'ERR_PROVIDER_DENIED');
      await clock.advance(second, settle);
    }
    // 1 s, 2 s, 4 s … 5 min, each shortened by half at most.
    expect(tokens.logIns).to.be.within(8, 14);
  });

  it('leave a read its deadline, while the log-in of the others goes on', async () => {
    const release = tokens.hold();
    const ending = new AbortController();
    const hasty = provider.read({ signal: ending.signal });
    const patient = read();
    await settleSoon();
    ending.abort();
    await providerError(() => hasty, 'ERR_PROVIDER_UNAVAILABLE');
    release();
    expect(await patient).to.have.property('document');
    expect(tokens.logIns).to.equal(1);
  });

  it('are not used after a freeze that outlasted them', async () => {
    await read();
    clock.freeze(24 * 3_600 * second);
    const { requests } = tokens.vault;
    await read();
    // A log-in and the read: nothing was tried with the dead one.
    expect(tokens.vault.requests - requests).to.equal(2);
  });

  it('last while renewals fail, which is one warning', async () => {
    await read();
    const warnings = await warningsDuring(async () => {
      tokens.failWith(500);
      for (let minute = 0; minute < 18; minute += 1) {
        await clock.advance(60 * second, settle);
        await read();
      }
    });
    expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_PROVIDER_UNAVAILABLE']);
    expect(tokens.renewals).to.be.above(1);
  });

  it('are renewed and revoked by nothing after the end', async () => {
    await read();
    await provider.close?.();
    const { requests } = tokens.vault;
    await clock.advance(24 * 3_600 * second, settle);
    expect(tokens.vault.requests).to.equal(requests);
  });

  it('leave no timer behind', async () => {
    const set = new Set<number>();
    let count = 0;
    const counting: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(delayMs, callback) {
        const id = (count += 1);
        set.add(id);
        const timer = clock.after(delayMs, () => {
          set.delete(id);
          callback();
        });
        return {
          cancel() {
            set.delete(id);
            timer.cancel();
          },
        };
      },
    };
    provider = open({ clock: counting });
    await read();
    expect(set.size).to.equal(1);
    await provider.close?.();
    expect(set.size).to.equal(0);
    // While a new token is tried for again and again, too.
    Object.assign(tokens.rules, { renewable: false });
    provider = open({ clock: counting });
    await read();
    tokens.failWith(500);
    await warningsDuring(() => clock.advance(1_140 * second, settle));
    expect(set.size).to.equal(1);
    await provider.close?.();
    expect(set.size).to.equal(0);
  });

  it('are not left behind by a log-in that was under way at the end', async () => {
    provider = open({ auth: { method: 'approle', roleId: 'role', secretId: 'secret', revokeOnClose: true } });
    const release = tokens.hold();
    const reading = read();
    reading.catch(() => undefined);
    await settleSoon();
    const closing = provider.close?.();
    release();
    await closing;
    expect(tokens.revoked).to.have.length(1);
  });

  it('that are limited to some uses are refused at once', async () => {
    Object.assign(tokens.rules, { numUses: 5 });
    await providerError(read, 'ERR_PROVIDER_MISCONFIGURED');
  });

  /** Until what was asked has arrived; a log-in that is held never settles. */
  async function settleSoon(): Promise<void> {
    for (let turn = 0; turn < 50 && tokens.logIns === 0; turn += 1)
      await new Promise((resolve) => void setImmediate(resolve));
    while (tokens.logIns === 0) await new Promise((resolve) => void setImmediate(resolve));
  }
});

describe('a token that was given', () => {
  let clock: VirtualClock;
  let tokens: TokenVault;
  let provider: PinProvider;

  beforeEach(async () => {
    clock = new VirtualClock(Date.UTC(2026, 10, 24, 12));
    tokens = await startTokenVault(clock);
  });

  afterEach(async () => {
    await provider.close?.();
    await tokens.close();
  });

  async function start(): Promise<void> {
    const options = {
      address: tokens.vault.address,
      path: 'secret/tls-pins',
      kvVersion: 2,
      maxRetries: 0,
    } as const;
    provider = createVaultProvider({ ...options, env: { VAULT_TOKEN: tokens.issue() }, clock });
    await provider.read({ signal: new AbortController().signal });
  }

  const live = (minutes: number) =>
    warningsDuring(async () => clock.advance(minutes * 60 * second, () => tokens.settled()));

  it('is renewed where it can be, until its maximum, which is told before', async () => {
    await start();
    expect(await live(30)).to.deep.equal([]);
    expect(tokens.renewals).to.be.within(1, 3);
    const [warning, ...more] = await live(60);
    expect(warning?.code).to.equal('ERR_PROVIDER_DENIED');
    expect(more).to.deep.equal([]);
  });

  it('is told to end where it cannot be renewed', async () => {
    Object.assign(tokens.rules, { renewable: false });
    await start();
    const warnings = await live(20);
    expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_PROVIDER_DENIED']);
    expect(tokens.renewals).to.equal(0);
  });

  it('is told to be used up by reading where that is so', async () => {
    Object.assign(tokens.rules, { numUses: 5 });
    await start();
    const [warning] = await live(1);
    expect(warning?.code).to.equal('ERR_PROVIDER_MISCONFIGURED');
  });

  it('is not asked about after the end', async () => {
    await start();
    const { requests } = tokens.vault;
    await provider.close?.();
    await live(60);
    expect(tokens.vault.requests).to.equal(requests);
  });
});
