import { expect } from 'chai';
import { PinProviderError, systemClock, type Clock } from '@pinvault/core';
import { VirtualClock } from '@pinvault/testing';
import type { GrantedToken } from '#src/auth/login-answer.js';
import { AlarmClock } from '#src/token-life/alarm-clock.js';
import { leaseOf, remainingMs } from '#src/token-life/lease.js';
import { LeaseWatch } from '#src/token-life/lease-watch.js';

const hour = 3_600_000;
const granted = (durationMs: number, isRenewable = true): GrantedToken => ({
  token: 'token',
  durationMs,
  isRenewable,
  isBatch: false,
});

describe('LeaseWatch', () => {
  let clock: VirtualClock;
  let log: [string, number][];
  let answer: () => Promise<GrantedToken>;
  let begin: number;

  beforeEach(() => {
    clock = new VirtualClock(Date.UTC(2026, 0, 1));
    begin = clock.now();
    log = [];
    answer = async () => granted(hour);
  });

  const note = (what: string): void => void log.push([what, clock.now() - begin]);

  function watch(random = 0, on: Clock = clock): LeaseWatch {
    return new LeaseWatch({
      clock: on,
      random: () => random,
      renew: () => {
        note('renew');
        return answer();
      },
      onRenewed: () => undefined,
      onEnding: () => note('ending'),
      onFailure: () => note('failure'),
    });
  }

  it('renews after two thirds of what is left and a third of the grace', async () => {
    const first = watch(0);
    first.start(leaseOf(granted(hour), clock));
    await clock.advance(hour);
    first.stop();
    expect(log).to.deep.equal([['renew', Math.round(hour * (2 / 3 + 0.1 / 3))]]);
    log = [];
    begin = clock.now();
    watch(1).start(leaseOf(granted(hour), clock));
    await clock.advance(hour);
    expect(log[0]?.[1]).to.be.closeTo(hour * (2 / 3 + 0.2 / 3), 1);
  });

  it('tells the end where a renewal no longer extends', async () => {
    answer = async () => granted(hour / 20);
    watch().start(leaseOf(granted(hour), clock));
    await clock.advance(2 * hour);
    expect(log.map(([what]) => what)).to.deep.equal(['renew', 'ending']);
  });

  it('tells the end at once where the vault refuses', async () => {
    answer = async () => {
      throw new PinProviderError('ERR_PROVIDER_DENIED', 'no', { provider: 'vault' });
    };
    watch().start(leaseOf(granted(hour), clock));
    await clock.advance(2 * hour);
    expect(log.map(([what]) => what)).to.deep.equal(['renew', 'ending']);
  });

  it('backs off from 10 s to 5 min while the lease lasts, then tells the end; one failure is told', async () => {
    answer = async () => {
      throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'away', { provider: 'vault' });
    };
    watch(1).start(leaseOf(granted(4 * hour), clock));
    await clock.advance(5 * hour);
    const renewals = log.filter(([what]) => what === 'renew').map(([, at]) => at);
    const gaps = renewals.slice(1).map((at, index) => (at - (renewals[index] ?? 0)) / 1_000);
    expect(gaps.slice(0, 6)).to.deep.equal([10, 20, 40, 80, 160, 300]);
    expect(Math.max(...gaps)).to.be.at.most(300);
    expect(log.filter(([what]) => what === 'failure')).to.have.length(1);
    expect(log.at(-1)?.[0]).to.equal('ending');
    expect(log.at(-1)?.[1]).to.be.within(4 * hour - 1_001, 4 * hour);
  });

  it('tells the end of what cannot be renewed after 80 to 90 % of it', async () => {
    for (const [random, part] of [
      [0, 0.8],
      [1, 0.9],
    ] as const) {
      log = [];
      begin = clock.now();
      watch(random).start(leaseOf(granted(hour, false), clock));
      await clock.advance(hour);
      expect(log).to.deep.equal([['ending', hour * part]]);
    }
  });

  it('leaves a token alone that does not end', async () => {
    watch().start(leaseOf(granted(0), clock));
    await clock.advance(1_000 * hour);
    expect(log).to.deep.equal([]);
  });

  it('is no hot loop, however short the leases', async () => {
    answer = async () => granted(10);
    const short = watch();
    short.start(leaseOf(granted(10), clock));
    await clock.advance(10_000);
    expect(log.length).to.be.within(9, 11);
    short.stop();
  });

  it('drops the answer to a renewal that came after its end', async () => {
    let release = (_granted: GrantedToken): void => undefined;
    answer = () => new Promise((resolve) => (release = resolve));
    const stopped = watch();
    stopped.start(leaseOf(granted(hour), clock));
    await clock.advance(hour - 1);
    stopped.stop();
    release(granted(hour));
    await clock.advance(10 * hour);
    expect(log.map(([what]) => what)).to.deep.equal(['renew']);
  });

  it('waits for a lease of 768 h as long as it has to, on timers that hold 24 days', async () => {
    let set = 0;
    // Node's own limit, by which a longer timer fires at once.
    const limited: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(delayMs, callback) {
        set += 1;
        if (set > 100) throw new Error('a hot loop');
        return clock.after(delayMs > 2 ** 31 - 1 ? 1 : delayMs, callback);
      },
    };
    answer = async () => granted(768 * hour);
    const long = watch(0, limited);
    long.start(leaseOf(granted(1_536 * hour), limited));
    await clock.advance(1_000 * hour);
    expect(log).to.deep.equal([]);
    await clock.advance(100 * hour);
    expect(log).to.have.length(1);
    expect(set).to.be.below(10);
  });
});

describe('AlarmClock', () => {
  it('sets no timer on the real clock that Node would fire at once', () => {
    const delays: number[] = [];
    const alarm = new AlarmClock({
      ...systemClock,
      after(delayMs, callback) {
        delays.push(delayMs);
        return systemClock.after(delayMs, callback);
      },
    });
    alarm.set(768 * hour, () => expect.fail('fired'));
    alarm.cancel();
    expect(delays).to.deep.equal([2 ** 31 - 1]);
  });
});

describe('remainingMs', () => {
  it('goes on in a frozen process, and is not lengthened by a wall clock that was set back', async () => {
    const clock = new VirtualClock(1_000_000);
    const lease = leaseOf(granted(hour), clock);
    clock.freeze(hour / 2);
    expect(remainingMs(lease, clock)).to.equal(hour / 2);
    clock.freeze(-hour);
    expect(remainingMs(lease, clock)).to.equal(hour);
    await clock.advance(hour / 4);
    expect(remainingMs(lease, clock)).to.equal((hour * 3) / 4);
  });
});
