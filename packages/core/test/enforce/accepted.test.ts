import { expect } from 'chai';
import { endsAtOnce, evidenceOf, whyRefused } from '#src/enforce/accepted.js';
import { isPinSource, type PinSource } from '#src/enforce/pin-source.js';
import { PinMismatchError } from '#src/errors.js';
import type { Verdict } from '#src/resolver/judgement.js';
import type { Evidence } from '#src/verify/evidence.js';
import { host } from '../support/chains.js';

const evidence = { host } as Evidence;
const nothing = (): undefined => undefined;

function answering(judge: () => unknown): PinSource {
  return { verify: judge, judge, on: nothing, off: nothing } as unknown as PinSource;
}

describe('what a resolver by shape answers', () => {
  for (const outcome of ['match', 'unpinned', 'reported']) {
    it(`lets a connection pass that is ${outcome}`, () => {
      const verdict = { outcome, evidence } as Verdict;
      expect(evidenceOf(verdict, host)).to.equal(evidence);
      expect(
        whyRefused(
          answering(() => verdict),
          evidence,
        ),
      ).to.equal(undefined);
    });
  }

  for (const [name, answer] of Object.entries({
    nothing: undefined,
    'a promise': Promise.resolve({ outcome: 'match', evidence }),
    true: true,
    'another outcome': { outcome: 'mismatch', evidence },
    'a match without evidence': { outcome: 'match' },
    'a match whose evidence is null': { outcome: 'match', evidence: null },
  })) {
    it(`lets no connection pass where it is ${name}`, () => {
      expect(() => evidenceOf(answer as unknown as Verdict, host))
        .to.throw(PinMismatchError)
        .with.property('code', 'ERR_PIN_MISMATCH');
      expect(
        whyRefused(
          answering(() => answer),
          evidence,
        ),
      ).to.have.property('code', 'ERR_PIN_MISMATCH');
    });
  }

  it('is an Error, whatever is thrown instead', () => {
    const refusal = new PinMismatchError('ERR_PIN_REVOKED', 'no', { host });
    const thrower = (thrown: unknown): PinSource =>
      answering(() => {
        throw thrown;
      });
    expect(whyRefused(thrower(refusal), evidence)).to.equal(refusal);
    expect(whyRefused(thrower('no'), evidence)).to.have.property('code', 'ERR_PIN_MISMATCH');
  });

  it('ends a connection at once only where its key is revoked', () => {
    expect(endsAtOnce(new PinMismatchError('ERR_PIN_REVOKED', 'no', { host }))).to.equal(true);
    expect(endsAtOnce(new PinMismatchError('ERR_PIN_MISMATCH', 'no', { host }))).to.equal(false);
    expect(endsAtOnce(Object.assign(new Error('no'), { code: 'ERR_PIN_REVOKED' }))).to.equal(false);
  });
});

describe('the shape of a resolver', () => {
  const methods = { verify: nothing, judge: nothing, on: nothing, off: nothing };

  it('has four methods, and four more that may be missing', () => {
    expect(isPinSource(methods)).to.equal(true);
    for (const name of Object.keys(methods))
      expect(isPinSource({ ...methods, [name]: undefined }), name).to.equal(false);
    for (const name of ['lookup', 'prepare', 'retain', 'recheck']) {
      expect(isPinSource({ ...methods, [name]: nothing }), name).to.equal(true);
      expect(isPinSource({ ...methods, [name]: 'no' }), name).to.equal(false);
    }
    for (const value of [undefined, null, 'pins', nothing]) expect(isPinSource(value)).to.equal(false);
  });
});
