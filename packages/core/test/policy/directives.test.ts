import { expect } from 'chai';
import { PinDocumentError } from '#src/errors.js';
import { decodeDocument } from '#src/policy/decode.js';
import type { PinDocument } from '#src/policy/document.js';
import { thrownBy } from '../support/errors.js';

const one = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const two = 'sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=';
const hex = 'ab'.repeat(32);
const withDirectives = (directives: object): PinDocument => decodeDocument({ 'a.test': one, ...directives });

describe('a directive', () => {
  it('$revoked names keys, certificates and, with ca:, keys anywhere in the chain', () => {
    const { revoked } = withDirectives({
      $revoked: `${one} ca:${two}`,
      '$revoked#CHG-1': [`leaf:${two}`, `cert-sha256:${hex}`],
    });
    expect(revoked).to.deep.equal([
      { pin: one, where: 'leaf' },
      { pin: two, where: 'any-certificate' },
      { pin: two, where: 'leaf', label: 'CHG-1' },
      { pin: `cert-sha256:${hex}`, where: 'leaf', label: 'CHG-1' },
    ]);
  });

  for (const [title, value, facts] of [
    ['no pin', 'sha256/x', { reason: 'bad-pin', tokenIndex: 0 }],
    ['a good and a bad pin', `${two} sha256/x`, { reason: 'bad-pin', tokenIndex: 1 }],
    ['none', 'none', { reason: 'bad-pin', tokenIndex: 0 }],
    ['an attribute', `${two} until=2099-01-01`, { reason: 'bad-pin', tokenIndex: 1 }],
    ['nothing', '', { reason: 'bad-value' }],
    ['a number', 7, { reason: 'bad-value' }],
    ['an odd character', `${two}\u200b`, { reason: 'forbidden-character' }],
  ] as const) {
    it(`$revoked that holds ${title} refuses the document: a revocation is never dropped`, () => {
      const error = thrownBy(
        () => withDirectives({ $revoked: value }),
        PinDocumentError,
        'ERR_DOCUMENT_MALFORMED',
      );
      expect(error).to.include({ key: '$revoked', ...facts });
    });
  }

  it('$generation is a whole number, or the text of one', () => {
    for (const value of [0, 7, '0', '7', Number.MAX_SAFE_INTEGER]) {
      expect(withDirectives({ $generation: value }).generation).to.equal(Number(value));
    }
    expect(Object.is(decodeDocument('{"a.test":"none","$generation":-0}').generation, 0)).to.equal(true);
    for (const value of [-1, 1.5, '', '07', '1e3', ' 7', '9007199254740993', 2 ** 53, null, true, [7]]) {
      const error = thrownBy(
        () => withDirectives({ $generation: value }),
        PinDocumentError,
        'ERR_DOCUMENT_MALFORMED',
      );
      expect(error).to.include({ reason: 'bad-value', key: '$generation' });
    }
  });

  it('$expires is a date, and means the end of that day', () => {
    expect(withDirectives({ $expires: '2027-06-30' }).expiresAt).to.equal(
      Date.parse('2027-06-30T23:59:59.999Z'),
    );
    for (const value of ['soon', 7, null, '']) {
      const error = thrownBy(
        () => withDirectives({ $expires: value }),
        PinDocumentError,
        'ERR_DOCUMENT_MALFORMED',
      );
      expect(error).to.include({ reason: 'bad-value', key: '$expires' });
    }
  });

  it('$format is pinvault/1, and anything else is for another version', () => {
    expect(withDirectives({ $format: 'pinvault/1' }).format).to.equal('pinvault/1');
    for (const value of ['pinvault/2', '', 1, null]) {
      const error = thrownBy(
        () => withDirectives({ $format: value }),
        PinDocumentError,
        'ERR_DOCUMENT_FORMAT',
      );
      expect(error).to.include({ reason: 'format', key: '$format' });
    }
  });

  it('$note is free, also with a label and in any shape', () => {
    expect(withDirectives({ $note: 'a', '$note#2': 'b' }).notes).to.deep.equal(['a', 'b']);
    expect(withDirectives({ $note: { by: 'ops' } }).notes).to.have.length(1);
  });

  it('$x- is free', () => {
    expect(withDirectives({ '$x-owner': { any: ['thing'] } }).rows).to.have.length(1);
  });

  for (const key of [
    '$frmat',
    '$',
    '$Revoked',
    '$x',
    '$generation#1',
    '$format#a',
    '$expires#b',
    '$revoke#d',
  ]) {
    it(`${key} is unknown and refuses the document`, () => {
      const error = thrownBy(
        () => withDirectives({ [key]: one }),
        PinDocumentError,
        'ERR_DOCUMENT_MALFORMED',
      );
      expect(error).to.include({ reason: 'unknown-directive', key });
    });
  }
});
