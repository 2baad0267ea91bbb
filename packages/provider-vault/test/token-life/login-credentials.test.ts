import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it('are replaced at once where each was good until it was revoked', async () => {
    await read();
    for (let each = 0; each < 5; each += 1) {
      tokens.revokeAll();
      await read();
      await clock.advance(second, settle);
    }
    expect(tokens.logIns).to.equal(6);
  });

  it('are not replaced again where a policy has taken the right away', async () => {
    await read();
    tokens.deny('/secret/data/tls-pins');
    for (let each = 0; each < 50; each += 1) {
      await providerError(read, 'ERR_PROVIDER_DENIED');
      await clock.advance(second, settle);
    }
    expect(tokens.logIns).to.equal(2);
  });

  it('are no hot loop, however short they live', async () => {
    Object.assign(tokens.rules, { ttl: 1, renewable: false });
    await read();
    await clock.advance(10 * second, settle);
    expect(tokens.logIns).to.be.within(2, 11);
  });

  it('are not replaced for each secret that the policy denies', async () => {
    // The others are read with the same token, and well.
    provider = open({ path: 'secret/{host}' });
    const readOf = (host: string) => provider.read({ host, signal: new AbortController().signal });
    tokens.vault.write('good.example.com', { pins: 'none' });
    tokens.deny('/secret/data/bad');
    for (let each = 0; each < 50; each += 1) {
      await readOf('good.example.com');
      await providerError(() => readOf(`bad-${String(each)}.example.com`), 'ERR_PROVIDER_DENIED');
    }
    expect(tokens.logIns).to.equal(2);
  });

  it('are replaced as soon as the vault logs in again, where it did not for a moment', async () => {
    await read();
    tokens.revokeAll();
    tokens.failWith(503);
    await providerError(read, 'ERR_PROVIDER_UNAVAILABLE');
    tokens.failWith(undefined);
    await clock.advance(second, settle);
    await read();
    expect(tokens.logIns).to.equal(3);
  });

  it('are asked for at once where the file holds another secret after a failure', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-secret-'));
    try {
      const secretIdFile = join(folder, 'secret-id');
      provider = open({ auth: { method: 'approle', roleId: 'role', secretIdFile } });
      await providerError(read, 'ERR_PROVIDER_MISCONFIGURED');
      expect(tokens.logIns, 'there is nothing to show').to.equal(0);
      await writeFile(secretIdFile, 'wrong');
      tokens.failWith(403);
      for (let each = 0; each < 9; each += 1) {
        await providerError(read, 'ERR_PROVIDER_DENIED');
        await clock.advance(60 * second, settle);
      }
      await providerError(read, 'ERR_PROVIDER_DENIED');
      const { logIns } = tokens;
      await providerError(read, 'ERR_PROVIDER_DENIED');
      expect(tokens.logIns, 'the same one waits').to.equal(logIns);
      tokens.failWith(undefined);
      await writeFile(secretIdFile, 'right');
      expect(await read()).to.have.property('document');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('are asked for at once where a person asks', async () => {
    tokens.failWith(403);
    for (let each = 0; each < 12; each += 1) {
      await clock.advance(300 * second, settle);
      await providerError(read, 'ERR_PROVIDER_DENIED');
    }
    tokens.failWith(undefined);
    await providerError(read, 'ERR_PROVIDER_DENIED');
    provider.retry?.();
    expect(await read()).to.have.property('document');
  });

  it('are asked for no sooner than the vault wants', async () => {
    tokens.failWith(429, 120);
    await providerError(read, 'ERR_PROVIDER_THROTTLED');
    for (let each = 0; each < 11; each += 1) {
      await clock.advance(10 * second, settle);
      await providerError(read, 'ERR_PROVIDER_THROTTLED');
    }
    expect(tokens.logIns).to.equal(1);
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

  it('are waited for by no end', async () => {
    for (const revokeOnClose of [false, true]) {
      provider = open({ auth: { method: 'approle', roleId: 'role', secretId: 'secret', revokeOnClose } });
      const { logIns } = tokens;
      const release = tokens.hold();
      const reading = providerError(read, 'ERR_PROVIDER_UNAVAILABLE');
      await settleSoon(logIns);
      const closing = provider.close?.();
      if (revokeOnClose) await clock.advance(2 * second);
      await closing;
      await reading;
      release();
    }
  });

  it('are asked for by no read after the end', async () => {
    provider = open({ auth: { method: 'approle', roleId: 'role', secretId: 'secret', revokeOnClose: true } });
    await read();
    const release = tokens.hold();
    const closing = provider.close?.();
    const reading = providerError(read, 'ERR_PROVIDER_UNAVAILABLE');
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
    release();
    await Promise.all([reading, closing]);
    expect([tokens.logIns, tokens.revoked.length]).to.deep.equal([1, 1]);
  });

  it('are replaced without a word where they may not be renewed', async () => {
    await read();
    tokens.deny('/auth/token/renew-self');
    const warnings = await warningsDuring(async () => {
      for (let minute = 0; minute < 120; minute += 1) {
        await clock.advance(60 * second, settle);
        await read();
      }
    });
    expect(warnings).to.deep.equal([]);
    expect(tokens.logIns).to.be.within(6, 12);
  });

  it('fail to be renewed without a process warning where none are wanted', async () => {
    provider = open({ warnings: false });
    await read();
    const warnings = await warningsDuring(async () => {
      tokens.failWith(500);
      await clock.advance(1_140 * second, settle);
    });
    expect(warnings).to.deep.equal([]);
    expect(tokens.renewals).to.be.above(1);
  });

  it('that are limited to some uses are refused at once', async () => {
    Object.assign(tokens.rules, { numUses: 5 });
    await providerError(read, 'ERR_PROVIDER_MISCONFIGURED');
  });

  /** Until what was asked has arrived; a log-in that is held never settles. */
  async function settleSoon(before = 0): Promise<void> {
    while (tokens.logIns === before) await new Promise((resolve) => void setImmediate(resolve));
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

  it('is asked about again where the vault was away', async () => {
    await start();
    tokens.goDown(true);
    expect(await live(1)).to.deep.equal([]);
    tokens.goDown(false);
    await provider.read({ signal: new AbortController().signal });
    expect(await live(30)).to.deep.equal([]);
    expect(tokens.renewals).to.be.within(1, 3);
  });

  it('is asked about once where it may not look at itself', async () => {
    tokens.deny('/auth/token/lookup-self');
    await start();
    await live(1);
    await provider.read({ signal: new AbortController().signal });
    const { requests } = tokens.vault;
    await live(5);
    expect(tokens.vault.requests).to.equal(requests);
  });

  it('is not asked about after the end', async () => {
    await start();
    const { requests } = tokens.vault;
    await provider.close?.();
    await live(60);
    expect(tokens.vault.requests).to.equal(requests);
  });
});
