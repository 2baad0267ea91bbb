import { expect } from 'chai';
import { Pin, PinSyntaxError } from '#src/pin/pin.js';
import { parseRowValue, tokensOf } from '#src/policy/row.js';
import { thrownBy } from '../support/errors.js';
import { readVectors } from '../support/vectors.js';

interface PinSyntaxVectors {
  readonly accepted: readonly { id: string; input: string; canonical: string; hex: string }[];
  readonly acceptedValues: readonly { id: string; input: string; canonical: readonly string[] }[];
  readonly rejected: readonly { id: string; input: string; reason: string; hint?: string }[];
  readonly settled: readonly { input: string; canonical: string }[];
}

const vectors = readVectors('pin-syntax') as PinSyntaxVectors;

describe('the vectors of pin syntax', () => {
  it('are all there', () => {
    expect(vectors.accepted).to.have.length.at.least(19);
    expect(vectors.acceptedValues).to.have.length.at.least(10);
    expect(vectors.rejected).to.have.length.at.least(26);
    expect(vectors.settled).to.have.length.at.least(1);
  });

  for (const { id, input, canonical, hex } of vectors.accepted) {
    it(`reads ${id}`, () => {
      const pin = Pin.parse(input);
      expect(pin.toString()).to.equal(canonical);
      expect(Buffer.from(pin.digest, 'base64').toString('hex')).to.equal(hex);
      expect(pin.subject).to.equal('spki');
      expect(Pin.parse(canonical).equals(pin)).to.equal(true);
    });
  }

  for (const { input, canonical } of vectors.settled) {
    it(`reads ${input}`, () => {
      expect(Pin.parse(input).toString()).to.equal(canonical);
    });
  }

  for (const { id, input, canonical } of vectors.acceptedValues) {
    it(`reads the value ${id}`, () => {
      expect(tokensOf('a.test', input).map((token) => Pin.parse(token).toString())).to.deep.equal(canonical);
      expect(parseRowValue('a.test', input).pins.map((entry) => entry.pin)).to.deep.equal(canonical);
    });
  }

  for (const { id, input, reason, hint } of vectors.rejected) {
    it(`refuses ${id}: ${reason}`, () => {
      // A value that white space splits is refused for its first bad token.
      const token = input.split(' ').find((each) => each !== '') ?? '';
      const error = thrownBy(() => Pin.parse(token), PinSyntaxError, 'ERR_PIN_SYNTAX');
      expect(acceptableFor(id, reason)).to.include(error.problem);
      expect(error.reason).to.equal('bad-pin');
      if (hint !== undefined) expect(error.hint).to.contain('certificate fingerprint');
    });
  }
});

/** The file leaves a choice between bad-base64 and bad-length; nothing else is left open. */
function acceptableFor(id: string, reason: string): readonly string[] {
  if (reason === 'bad-base64' || reason === 'bad-length') return ['bad-base64', 'bad-length'];
  return id.startsWith('hex-') && id !== 'hex-prefixed' ? [reason, 'bad-base64', 'bad-length'] : [reason];
}
