import { expect } from 'chai';
import * as fc from 'fast-check';
import { PinDocumentError } from '#src/errors.js';
import { parseJsonText } from '#src/policy/json-text.js';
import { findOddCharacter } from '#src/policy/odd-character.js';
import { decodeDocument } from '#src/policy/decode.js';
import { thrownBy } from '../support/errors.js';

const refusal = (text: string): PinDocumentError =>
  thrownBy(() => parseJsonText(text), PinDocumentError, 'ERR_DOCUMENT_MALFORMED');

describe('JSON text', () => {
  it('is read as JSON.parse reads it, where no key stands twice', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', '\ufeff'), (text, mark) => {
        expect(parseJsonText(mark + text)).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('is refused where JSON.parse refuses it, by a PinDocumentError', () => {
    const noise = fc.string({ unit: fc.constantFrom(...Array.from('{}[]",:\\ \n\t1atruenl\u00a0')) });
    fc.assert(
      fc.property(fc.oneof(noise, fc.string({ unit: 'binary' })), (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        try {
          parseJsonText(text);
          expect(isJson || text.startsWith('\ufeff')).to.equal(true);
        } catch (error) {
          expect(error).to.be.an.instanceof(PinDocumentError);
          expect(isJson && (error as PinDocumentError).reason !== 'duplicate-key').to.equal(false);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  for (const text of ['', ' ', '\r\n\t ', '\ufeff', '\ufeff\n']) {
    it(`${JSON.stringify(text)} is empty`, () => {
      thrownBy(() => parseJsonText(text), PinDocumentError, 'ERR_DOCUMENT_EMPTY');
    });
  }

  for (const [title, text, facts] of [
    ['two byte order marks', '\ufeff\ufeff{}', { reason: 'not-json' }],
    ['an HTML page', '\n <!doctype html>', { reason: 'not-json' }],
    ['a trailing comma', '{"a":"b" , }', { reason: 'not-json', position: 9 }],
    ['a trailing comma in an array', '["a",]', { reason: 'not-json', position: 4 }],
    ['a smart quote', '{“a”:1}', { reason: 'not-json', position: 1 }],
    ['a single quote', "{'a':1}", { reason: 'not-json', position: 1 }],
    ['a line comment', '{ // x\n"a":1}', { reason: 'not-json', position: 2 }],
    ['a comment with #', '{ # x\n"a":1}', { reason: 'not-json', position: 2 }],
    ['a line break in a string', '{"a":"b\nc"}', { reason: 'not-json', position: 7 }],
    ['a no-break space', '{\u00a0"a":1}', { reason: 'forbidden-character', position: 1 }],
    ['nothing but a no-break space', '\u00a0', { reason: 'forbidden-character', position: 0 }],
    ['an object that is cut off', '{"a":"b"', { reason: 'not-json' }],
    ['a string that is cut off', '{"a":"b', { reason: 'not-json' }],
    ['a character that stands nowhere in JSON', '{"a":%}', { reason: 'not-json', position: 5 }],
    ['NUL bytes', '{\0"\0', { reason: 'encoding' }],
  ] as const) {
    it(`with ${title} says so`, () => {
      const error = refusal(text);
      expect(error).to.include(facts);
      expect(error.hint).to.be.a('string').and.not.to.equal('');
    });
  }

  for (const [title, text] of [
    ['at the top', '{"a":1,"a":2}'],
    ['with white space', '{"a" :1, "a"\n\t: 2}'],
    ['in a nested object', '{"x":{"a":1,"b":[{}],"a":2}}'],
    ['in an object in an array', '[1,{"a":1,"a":2}]'],
    ['equal after unescaping', '{"a\\u002eb":1,"a.b":2}'],
    ['with quotes in them', '{"a\\"":1,"a\\"":2}'],
    ['with backslashes at the end', '{"a\\\\":1,"a\\\\":2}'],
    ['__proto__', '{"__proto__":1,"__proto__":2}'],
  ] as const) {
    it(`with a doubled key, ${title}, is refused`, () => {
      expect(refusal(text).reason).to.equal('duplicate-key');
    });
  }

  for (const text of [
    '{"a":1,"b":{"a":1}}',
    '[{"a":1},{"a":2}]',
    '{"a":"a","b":"a"}',
    '{"a":["a","a"]}',
    '{"a":"\\"a\\":","b":"{\\"a\\":1}"}',
    '{"a\\\\":1,"a\\"":2}',
  ]) {
    it(`${text} has no doubled key`, () => {
      expect(parseJsonText(text)).to.deep.equal(JSON.parse(text));
    });
  }
});

describe('bytes', () => {
  const row = '{"a.test":"none"}';

  it('are UTF-8, with a byte order mark or without', () => {
    for (const text of [row, `\ufeff${row}`]) {
      expect(decodeDocument(Buffer.from(text)).rows[0]?.pattern).to.equal('a.test');
    }
  });

  for (const [title, bytes] of [
    ['UTF-16 with a mark, little endian', Buffer.from(`\ufeff${row}`, 'utf16le')],
    ['UTF-16 with a mark, big endian', Buffer.from(`\ufeff${row}`, 'utf16le').swap16()],
    ['UTF-16 without a mark', Buffer.from(row, 'utf16le')],
    ['Latin-1', Buffer.from('{"ü.test":"none"}', 'latin1')],
    ['a lone surrogate', Buffer.from('7b22eda08022', 'hex')],
  ] as const) {
    it(`are not ${title}`, () => {
      const error = thrownBy(() => decodeDocument(bytes), PinDocumentError, 'ERR_DOCUMENT_MALFORMED');
      expect(error.reason).to.equal('encoding');
    });
  }
});

describe('an odd character', () => {
  it('is found and named, unless it is allowed', () => {
    expect(findOddCharacter('plain ASCII', '')).to.equal(undefined);
    expect(findOddCharacter('münchen ☂ 你好', '')).to.equal(undefined);
    expect(findOddCharacter('a\tb', '\t')).to.equal(undefined);
    expect(findOddCharacter('a\tb', '')).to.deep.equal({ name: 'U+0009', position: 1 });
    expect(findOddCharacter('ü\u200b', '')).to.deep.equal({ name: 'zero width space U+200B', position: 1 });
    expect(findOddCharacter('a\u{e0041}', '')).to.deep.equal({ name: 'U+E0041', position: 1 });
    expect(findOddCharacter('a\u2028', '\t')?.name).to.equal('U+2028');
  });
});
