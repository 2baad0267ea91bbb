import { expect } from 'chai';
import { PinMismatchError } from '#src/errors.js';
import { host, lonePeer, pinOf } from '../support/chains.js';
import { rejectionOf, thrownBy } from '../support/errors.js';
import { settle } from '../support/fake-clock.js';
import { eventsNamed, startResolver, type Started } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const target = { host, port: 443 };
const peer = lonePeer('lone');

describe('underWrongPin', () => {
  let started: Started;

  beforeEach(async () => {
    started = await startResolver({ [host]: lone, 'other.example.test': 'none' });
  });

  afterEach(() => started.resolver.close());

  it('has the target refused within the run, by every question, and nowhere else', async () => {
    const { resolver } = started;
    const { evidence } = resolver.verify(target, peer);
    const trial = await resolver.underWrongPin(target, async () => {
      await settle();
      thrownBy(() => resolver.verify(target, peer), PinMismatchError, 'ERR_PIN_MISMATCH');
      thrownBy(
        () => resolver.verify({ host: 'API.Example.test.' }, peer),
        PinMismatchError,
        'ERR_PIN_MISMATCH',
      );
      thrownBy(() => resolver.judge(evidence), PinMismatchError, 'ERR_PIN_MISMATCH');
      const { checkServerIdentity } = resolver.tlsOptions(target);
      expect(checkServerIdentity(host, peer)).to.have.property('code', 'ERR_PIN_MISMATCH');
      expect(resolver.verify({ host, port: 8443 }, peer).outcome).to.equal('match');
      return 'done';
    });
    expect(trial).to.deep.equal({ asked: 4, refused: 4, result: { status: 'fulfilled', value: 'done' } });
    expect(resolver.judge(evidence).outcome).to.equal('match');
  });

  it('leaves those be who ask meanwhile', async () => {
    const { resolver } = started;
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const trial = resolver.underWrongPin(target, async () => gate.then(() => resolver.verify(target, peer)));
    expect(resolver.verify(target, peer).outcome).to.equal('match');
    go();
    const { asked, refused, result } = await trial;
    expect([asked, refused, result.status]).to.deep.equal([1, 1, 'rejected']);
  });

  it('ends with the run: what was started in it and lives on meets the pins in force', async () => {
    const { resolver } = started;
    let outcome: string | undefined;
    let later: Promise<void> | undefined;
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    await resolver.underWrongPin(target, async () => {
      later = gate.then(() => {
        outcome = resolver.verify(target, peer).outcome;
      });
    });
    // Another trial is under way, so that contexts are looked at.
    await resolver.underWrongPin(target, async () => {
      go();
      await settle();
    });
    await later;
    expect(outcome).to.equal('match');
  });

  it('starts no read, emits no event and counts nothing', async () => {
    const { resolver, provider, events } = started;
    const before = { reads: provider.reads, counters: resolver.status().counters };
    await resolver.underWrongPin(target, async () => {
      const error = thrownBy(() => resolver.verify(target, peer), PinMismatchError, 'ERR_PIN_MISMATCH');
      expect(resolver.recheck(error)).to.equal(undefined);
    });
    await settle();
    expect(eventsNamed(events, 'mismatch')).to.deep.equal([]);
    expect({ reads: provider.reads, counters: resolver.status().counters }).to.deep.equal(before);
  });

  it('is not seen by listeners of a rotation that the run itself has caused', async () => {
    const { resolver, provider } = started;
    const { evidence } = resolver.verify(target, peer);
    const outcomes: string[] = [];
    resolver.on('rotate', () => outcomes.push(resolver.judge(evidence).outcome));
    provider.publish({ [host]: `${lone} ${other}` });
    await resolver.underWrongPin(target, async () => resolver.refresh());
    expect(outcomes).to.deep.equal(['match']);
  });

  it('is proven in report mode too', async () => {
    await started.resolver.close();
    started = await startResolver({ [host]: lone }, { mode: 'report' });
    const { resolver } = started;
    const { refused } = await resolver.underWrongPin(target, async () => resolver.verify(target, peer));
    expect(refused).to.equal(1);
  });

  it('reports a run that throws before its first promise, and refuses a text that is no host', async () => {
    const { resolver } = started;
    const failure = new Error('no client');
    const { result } = await resolver.underWrongPin(target, () => {
      throw failure;
    });
    expect(result).to.deep.equal({ status: 'rejected', reason: failure });
    await rejectionOf(
      resolver.underWrongPin({ host: 'a b' }, async () => undefined),
      PinMismatchError,
      'ERR_PIN_SYNTAX',
    );
  });
});
