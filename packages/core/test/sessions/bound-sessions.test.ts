import { inspect } from 'node:util';
import { expect } from 'chai';
import { PinMismatchError } from '#src/errors.js';
import type { Verdict } from '#src/resolver/judgement.js';
import { BoundSessions } from '#src/sessions/bound-sessions.js';
import type { Evidence } from '#src/verify/evidence.js';
import { evidenceOf, testTime } from '../support/chains.js';
import { expectInvalidOption } from '../support/errors.js';
import { FakeClock } from '../support/fake-clock.js';

const day = 86_400_000;

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

describe('bound sessions', () => {
  const start = { wall: testTime, monotonic: new FakeClock(testTime).monotonic() };
  const single = { singleUse: true, provenAt: start };
  const reusable = { singleUse: false, provenAt: start };
  let clock: FakeClock;
  let refused: Set<Evidence>;
  let outcome: Verdict['outcome'];
  const evidence = evidenceOf('without root', 443);
  const other = evidenceOf('with root', 443);

  function judge(asked: Evidence): Verdict {
    if (refused.has(asked)) throw new PinMismatchError('ERR_PIN_MISMATCH', 'no', { host: asked.host });
    return { outcome, evidence: asked } as Verdict;
  }

  function store(maxSessions?: number): BoundSessions {
    return new BoundSessions({ judge, clock, ...(maxSessions === undefined ? {} : { maxSessions }) });
  }

  function texts(sessions: BoundSessions, key: string): string[] {
    const taken: string[] = [];
    for (let next = sessions.take(key); next !== undefined; next = sessions.take(key))
      taken.push(next.session.toString());
    return taken;
  }

  beforeEach(() => {
    clock = new FakeClock(testTime);
    refused = new Set();
    outcome = 'match';
  });

  it('give out the newest of a key first, one for a single use once', () => {
    const sessions = store();
    sessions.add('a', bytes('first'), evidence, single);
    sessions.add('a', bytes('second'), other, single);
    sessions.add('b', bytes('of b'), evidence, single);
    expect(sessions.size).to.equal(3);
    expect(sessions.take('a')).to.include({ evidence: other, singleUse: true });
    expect(texts(sessions, 'a')).to.deep.equal(['first']);
    expect(texts(sessions, 'b')).to.deep.equal(['of b']);
    expect(sessions.size).to.equal(0);
  });

  it('give out one that may be used again as often as it is wanted', () => {
    const sessions = store();
    sessions.add('a', bytes('again'), evidence, reusable);
    for (let time = 0; time < 3; time += 1) expect(sessions.take('a')?.session.toString()).to.equal('again');
  });

  it('give out none whose evidence the pins in force refuse, and go on to one that they accept', () => {
    const sessions = store();
    sessions.add('a', bytes('accepted'), other, reusable);
    sessions.add('a', bytes('refused'), evidence, reusable);
    refused.add(evidence);
    expect(sessions.take('a')?.session.toString()).to.equal('accepted');
    expect(sessions.size).to.equal(1);
    refused.add(other);
    expect(sessions.take('a')).to.equal(undefined);
    expect(sessions.size).to.equal(0);
  });

  for (const [name, expected] of [
    ['match', 'given'],
    ['unpinned', 'given'],
    ['reported', 'kept back'],
    // What a resolver by shape may answer.
    ['fine', 'kept back'],
    [undefined, 'kept back'],
  ] as const) {
    it(`are ${expected} under the verdict ${String(name)}`, () => {
      const sessions = store();
      sessions.add('a', bytes('one'), evidence, reusable);
      outcome = name as Verdict['outcome'];
      expect(sessions.take('a') !== undefined).to.equal(expected === 'given');
    });
  }

  it('are kept back where the judgement breaks', () => {
    const broken = new BoundSessions({ judge: () => undefined as unknown as Verdict, clock });
    broken.add('a', bytes('one'), evidence, reusable);
    expect(broken.take('a')).to.equal(undefined);
  });

  it('end when the first of the certificates ends, whatever the pins say', () => {
    outcome = 'unpinned';
    const { validUntil } = evidence;
    clock = new FakeClock(validUntil);
    const sessions = store();
    sessions.add('a', bytes('one'), evidence, {
      singleUse: false,
      provenAt: sessions.proofOf(undefined),
    });
    expect(sessions.take('a')).not.to.equal(undefined);
    clock.setWallClock(validUntil + 1);
    expect(sessions.take('a')).to.equal(undefined);
  });

  it('end a day after the full handshake, through any number of resumed ones', async () => {
    const sessions = store();
    sessions.add('a', bytes('full'), evidence, single);
    await clock.advance(day / 2);
    const provenAt = sessions.proofOf(sessions.take('a'));
    sessions.add('a', bytes('resumed'), evidence, { singleUse: false, provenAt });
    await clock.advance(day / 2 - 1);
    expect(sessions.take('a')?.session.toString()).to.equal('resumed');
    await clock.advance(1);
    expect(sessions.take('a')).to.equal(undefined);
  });

  it('count from the handshake of their connection, however late they come', async () => {
    const sessions = store();
    const provenAt = sessions.proofOf(undefined);
    await clock.advance(day - 1);
    sessions.add('a', bytes('late'), evidence, { singleUse: false, provenAt });
    sessions.add('b', bytes('of another'), evidence, {
      singleUse: false,
      provenAt: sessions.proofOf(undefined),
    });
    expect(sessions.take('a')).not.to.equal(undefined);
    await clock.advance(1);
    expect([sessions.take('a'), sessions.take('b')?.session.toString()]).to.deep.equal([
      undefined,
      'of another',
    ]);
  });

  it('grow no younger when the wall clock is set back, nor while the process is frozen', async () => {
    for (const pass of [
      async (): Promise<void> => {
        clock.setWallClock(testTime - 10 * day);
        await clock.advance(day);
      },
      async (): Promise<void> => clock.freeze(day),
    ]) {
      const sessions = store();
      sessions.add('a', bytes('one'), evidence, reusable);
      await pass();
      expect(sessions.take('a')).to.equal(undefined);
    }
  });

  it('are dropped at a rotation where the pins refuse them; those of another host are not asked about', () => {
    const sessions = store();
    sessions.add('a', bytes('stays'), other, single);
    sessions.add('a', bytes('goes'), evidence, single);
    sessions.add('b', bytes('goes'), evidence, single);
    refused.add(evidence);
    sessions.dropStale('another.example.test');
    expect(sessions.size).to.equal(3);
    sessions.dropStale(evidence.host);
    expect(sessions.size).to.equal(1);
    // Not again when the removal is taken back.
    refused.clear();
    expect(texts(sessions, 'a')).to.deep.equal(['stays']);
    sessions.add('a', bytes('goes'), evidence, single);
    refused.add(evidence);
    sessions.dropStale();
    expect(sessions.size).to.equal(0);
  });

  it('hold 16 of a key, and so many in all, of the keys that were used last', () => {
    const sessions = store(20);
    for (let index = 0; index < 30; index += 1) sessions.add('a', bytes(`${index}`), evidence, single);
    expect(sessions.size).to.equal(16);
    expect(sessions.take('a')?.session.toString()).to.equal('29');
    for (const key of ['b', 'c', 'd', 'e', 'f', 'g']) sessions.add(key, bytes(key), evidence, single);
    expect(sessions.size).to.equal(6);
    expect(sessions.take('a')).to.equal(undefined);
    const one = store(1);
    one.add('a', bytes('first'), evidence, single);
    one.add('a', bytes('second'), evidence, single);
    expect(texts(one, 'a')).to.deep.equal(['second']);
  });

  it('are none where none are wanted', () => {
    const sessions = store(0);
    sessions.add('a', bytes('one'), evidence, single);
    sessions.dropStale();
    sessions.clear();
    expect([sessions.size, sessions.take('a')]).to.deep.equal([0, undefined]);
  });

  it('are forgotten one by one, those of a key, or all', () => {
    const sessions = store();
    sessions.add('a', bytes('one'), evidence, reusable);
    sessions.add('a', bytes('two'), evidence, reusable);
    const two = sessions.take('a');
    if (two === undefined) throw new Error('none');
    sessions.discard('b', two);
    sessions.discard('a', two);
    sessions.discard('a', two);
    expect(sessions.take('a')?.session.toString()).to.equal('one');
    sessions.add('a', bytes('two'), evidence, reusable);
    sessions.add('b', bytes('of b'), evidence, reusable);
    sessions.clear('a');
    expect([sessions.size, sessions.take('a')]).to.deep.equal([1, undefined]);
    sessions.clear();
    expect(sessions.size).to.equal(0);
  });

  it('are in no text that is made of them', () => {
    const sessions = store();
    sessions.add('a', bytes('KEY MATERIAL'), evidence, reusable);
    const taken = sessions.take('a');
    for (const value of [sessions, taken, { taken }]) {
      const text = `${inspect(value, { depth: 9, showHidden: true, getters: true })}${JSON.stringify(value)}`;
      for (const encoding of ['latin1', 'hex', 'base64'] as const)
        expect(text).not.to.contain(bytes('KEY MATERIAL').toString(encoding));
      expect(text).not.to.contain('4b 45 59');
      expect(text).not.to.contain('75,69,89');
    }
  });

  for (const maxSessions of [-1, 1.5, Number.NaN, Infinity, '5' as unknown as number]) {
    it(`are refused with maxSessions ${String(maxSessions)}`, () => {
      let thrown: unknown;
      try {
        store(maxSessions);
      } catch (error) {
        thrown = error;
      }
      expectInvalidOption(thrown, 'maxSessions');
    });
  }
});
