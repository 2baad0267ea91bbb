import { inspect } from 'node:util';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { PinDocumentError } from '#src/errors.js';
import { decodeDocument } from '#src/policy/decode.js';
import type { DocumentRow, PinDocument } from '#src/policy/document.js';
import { thrownBy } from '../support/errors.js';

const one = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const two = 'sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=';
const refusal = (raw: string | Uint8Array | object, code: PinDocumentError['code']): PinDocumentError =>
  thrownBy(() => decodeDocument(raw), PinDocumentError, code);
const rowOf = (document: PinDocument, key: string): DocumentRow | undefined =>
  document.rows.find(
    (row) => (row.label === undefined ? row.pattern : `${row.pattern}#${row.label}`) === key,
  );

describe('a key that holds a password', () => {
  it('is told without it', () => {
    const error = thrownBy(
      () => decodeDocument({ 'postgres://svc:S3cret@db.example.test/x': 'none' }),
      PinDocumentError,
      'ERR_DOCUMENT_MALFORMED',
    );
    expect(JSON.stringify(error)).not.to.contain('S3cret');
  });
});

describe('a document', () => {
  it('is plain frozen data, in the order of its keys whatever the order in the text', () => {
    const document = decodeDocument({ 'b.test': one, 'a.test#x': two, 'a.test': `${two} ${one}` });
    const turned = decodeDocument({ 'a.test': `${two} ${one}`, 'a.test#x': two, 'b.test': one });
    expect(document).to.deep.equal(turned);
    expect(document.rows.map((row) => row.pattern)).to.deep.equal(['a.test', 'a.test', 'b.test']);
    expect(structuredClone(document)).to.deep.equal(document);
    expectFrozen(document);
  });

  it('has no member for a directive that it does not have', () => {
    const document = decodeDocument({ 'a.test': one });
    expect(document).not.to.have.any.keys('generation', 'expiresAt');
    expect(document.rows[0]).not.to.have.any.keys('label', 'mode');
  });

  it('has its directives in the order of their keys too', () => {
    const directives = {
      '$revoked#b': one,
      '$note#2': 'second',
      $revoked: `${two} ca:${one}`,
      $note: 'first',
    };
    const document = decodeDocument({ 'a.test': one, ...directives });
    const turned = decodeDocument(
      Object.fromEntries(Object.entries({ ...directives, 'a.test': one }).toReversed()),
    );
    expect(turned).to.deep.equal(document);
    expect(document.notes).to.deep.equal(['first', 'second']);
    expect(document.revoked.map(({ pin, label }) => [pin, label])).to.deep.equal([
      [two, undefined],
      [one, undefined],
      [one, 'b'],
    ]);
    expectFrozen(decodeDocument({ 'a.test': 'none', 'b.test': 'block' }));
  });

  it('is the same from text, from bytes and from an object', () => {
    const object = { 'a.test': `${one} until=2099-12-31`, $revoked: two, $generation: '4', $note: 'n' };
    const text = JSON.stringify(object);
    expect(decodeDocument(text)).to.deep.equal(decodeDocument(object));
    expect(decodeDocument(Buffer.from(text))).to.deep.equal(decodeDocument(object));
    expect(decodeDocument(new Uint8Array(Buffer.from(`\ufeff${text}`)))).to.deep.equal(
      decodeDocument(object),
    );
  });

  it('without rows is empty', () => {
    expect(refusal({}, 'ERR_DOCUMENT_EMPTY').reason).to.equal('empty');
    expect(refusal({ $revoked: one }, 'ERR_DOCUMENT_EMPTY').reason).to.equal('empty');
  });

  it('without one usable row is refused with the reason of its first bad row', () => {
    const error = refusal({ 'a.test': `${one} sha256/x`, 'b.test': '' }, 'ERR_DOCUMENT_MALFORMED');
    expect(error).to.include({ reason: 'bad-pin', key: 'a.test', tokenIndex: 1 });
  });

  for (const [title, raw] of [
    ['a number', '7'],
    ['a text that holds JSON', JSON.stringify(JSON.stringify({ 'a.test': one }))],
    ['an array', [one]],
    ['a function', (): string => one],
  ] as const) {
    it(`is not ${title}`, () => {
      expect(refusal(raw, 'ERR_DOCUMENT_MALFORMED').reason).to.equal('bad-value');
    });
  }

  it('that is JSON inside of JSON says so', () => {
    const text = JSON.stringify({ 'a.test': one });
    expect(refusal(JSON.stringify(text), 'ERR_DOCUMENT_MALFORMED').hint).to.contain('inside');
    for (const key of ['pins', 'value', 'json', 'document', 'data']) {
      const error = refusal({ [key]: text, 'b.test': one }, 'ERR_DOCUMENT_MALFORMED');
      expect(error).to.include({ reason: 'bad-value', key });
    }
    expect(decodeDocument({ data: one }).rows[0]?.pattern).to.equal('data');
  });

  it('that has a URL for a key says to write the host alone', () => {
    const error = refusal({ 'https://a.test/': one }, 'ERR_DOCUMENT_MALFORMED');
    expect(error).to.include({ reason: 'bad-key', key: 'https://a.test/' });
    expect(error.hint).to.contain('host alone');
  });

  it('that no JSON can hold is refused, and nothing of the reason is passed on', () => {
    const cyclic: Record<string, unknown> = { 'a.test': one };
    cyclic['self'] = cyclic;
    const canary = 'canary-hvs.CAESI';
    const throwing = {
      toJSON(): never {
        throw new Error(canary);
      },
    };
    for (const raw of [cyclic, { 'a.test': 1n }, throwing]) {
      const error = refusal(raw, 'ERR_DOCUMENT_MALFORMED');
      expect(error.reason).to.equal('bad-value');
      expect(inspect(error, { depth: 9 })).not.to.contain(canary);
    }
  });

  it('is measured in bytes before it is parsed', () => {
    const options = { maxDocumentBytes: 64 };
    for (const raw of ['{'.repeat(65), Buffer.alloc(65), { 'a.test': 'x'.repeat(64) }, 'é'.repeat(33)]) {
      thrownBy(() => decodeDocument(raw, options), PinDocumentError, 'ERR_DOCUMENT_TOO_LARGE');
    }
    const exact = JSON.stringify({ 'a.test': 'none' });
    expect(decodeDocument(exact, { maxDocumentBytes: exact.length }).rows).to.have.length(1);
  });

  it('never writes its text into an error', () => {
    const canary = 'canary-hvs.CAESI-0123456789';
    for (const raw of [
      `{"a.test": "${canary}`,
      `{"a.test": ${canary}}`,
      `{"a.test": "${canary}"}`,
      JSON.stringify(JSON.stringify({ token: canary })),
      { 'a.test': { token: canary } },
      { 'a.test': [{ token: canary }] },
      { 'a.test': `token=${canary}` },
      { 'a.test': `${one} mode=${canary}` },
      { 'a.test': `${one} until=${canary}` },
      { 'a.test': one, $expires: canary },
      { 'a.test': one, $generation: canary },
      { 'a.test': one, $revoked: canary },
    ]) {
      const error = refusal(raw, 'ERR_DOCUMENT_MALFORMED');
      expect(inspect(error, { depth: 9 }), JSON.stringify(raw)).not.to.contain(canary);
      expect(JSON.stringify(error)).not.to.contain(canary);
    }
  });
});

describe('a bad row', () => {
  it('is set aside by name and takes no neighbour along', () => {
    const document = decodeDocument({ 'a.test': one, 'B.test#next': `${one} sha256/x` });
    expect(document.rows.map((row) => row.pattern)).to.deep.equal(['a.test']);
    expect(document.badRows).to.have.length(1);
    expect(document.badRows[0]).to.include({
      pattern: 'b.test',
      label: 'next',
      key: 'B.test#next',
      code: 'ERR_PIN_SYNTAX',
      reason: 'bad-pin',
      tokenIndex: 1,
    });
  });

  it('shows of the token that is wrong where it stands, its form and its length', () => {
    for (const [value, text] of [
      ['hunter2', 'ERR_PIN_SYNTAX: row "b.test", token 1 (7 characters): '],
      [`${one} sha256/hunter2`, 'ERR_PIN_SYNTAX: row "b.test", token 2 (sha256/…, 14 characters): '],
      ['x', 'ERR_PIN_SYNTAX: row "b.test", token 1 (1 character): '],
      ['ca:pin-sha256="', 'ERR_PIN_SYNTAX: row "b.test", token 1 (ca:pin-sha256=…, 15 characters): '],
    ] as const) {
      const [row] = decodeDocument({ 'a.test': one, 'b.test': value }).badRows;
      expect(row?.message.startsWith(text), row?.message).to.equal(true);
    }
  });

  it('never shows anything of its value', () => {
    const secret = fc
      .string({ minLength: 6, maxLength: 40, unit: fc.constantFrom(...'qwzkjxvy0123456789+-_'.split('')) })
      .filter((text) => !/^[0-9-]*$/u.test(text));
    const shapes: readonly ((text: string) => unknown)[] = [
      (text) => text,
      (text) => `${one} ${text}`,
      (text) => `sha256/${text}`,
      (text) => `sha3${text}/x`,
      (text) => `sha1-${text}:x`,
      (text) => `${text}=x`,
      (text) => `${text}:${text}`,
      (text) => `mode=${text}`,
      (text) => `${one} until=${text}`,
      (text) => [text],
      (text) => ({ [text]: one }),
      (text) => ({ pins: [one], mode: text }),
      (text) => ({ pins: { [text]: text } }),
    ];
    fc.assert(
      fc.property(secret, fc.nat(shapes.length - 1), (text, shape) => {
        const value = shapes[shape]?.(text);
        const { badRows } = decodeDocument({ 'a.test': one, 'b.test': value });
        expect(badRows).to.have.length(1);
        expect(JSON.stringify(badRows)).not.to.contain(text);
        for (const key of ['b.test', '$format', '$expires', '$generation', '$revoked']) {
          const whole = { ...(key === 'b.test' ? {} : { 'a.test': one }), [key]: value };
          let error: unknown;
          try {
            decodeDocument(whole);
          } catch (thrown) {
            error = thrown;
          }
          expect(error).to.be.an.instanceof(PinDocumentError);
          expect(inspect(error, { showHidden: true, depth: 9 })).not.to.contain(text);
        }
      }),
    );
  });

  it('is not hidden by a good row of the same host', () => {
    const document = decodeDocument({ 'a.test': one, 'a.test#x': 'nonsense' });
    expect([document.rows.length, document.badRows.length]).to.deep.equal([1, 1]);
  });
});

describe('rows of one host that say opposite things', () => {
  it('block beats pins and none', () => {
    const document = decodeDocument({ 'a.test': one, 'a.test#2': 'block', 'a.test#3': 'none' });
    expect(document.rows.map((row) => row.rule)).to.deep.equal(['block']);
    expect(document.badRows.map((row) => [row.key, row.code])).to.deep.equal([
      ['a.test', 'ERR_PIN_ROW_INVALID'],
      ['a.test#3', 'ERR_PIN_ROW_INVALID'],
    ]);
  });

  it('pins beat none', () => {
    const document = decodeDocument({ 'A.test': 'none', 'a.test#2': one });
    expect(document.rows.map((row) => row.rule)).to.deep.equal(['pins']);
    expect(document.badRows.map((row) => row.key)).to.deep.equal(['A.test']);
  });

  it('names the row that is overruled, with its label where it has one, and what holds', () => {
    const document = decodeDocument({ 'a.test': 'none', 'a.test#old': 'none', 'a.test#new': one });
    const [plain, labelled] = document.badRows;
    expect(plain).to.include({ pattern: 'a.test', key: 'a.test', reason: 'bad-value', overruledBy: 'pins' });
    expect(plain).not.to.have.property('label');
    expect(plain).not.to.have.property('tokenIndex');
    expect(labelled).to.include({ pattern: 'a.test', label: 'old', key: 'a.test#old', overruledBy: 'pins' });
    expect(labelled?.message).to.contain('a.test#old').and.to.contain('none').and.to.contain('pins');
  });

  it('twice none is none', () => {
    const document = decodeDocument({ 'a.test': 'none', 'a.test#2': 'none' });
    expect([document.rows.length, document.badRows.length]).to.deep.equal([2, 0]);
  });

  it('mode=enforce holds beside mode=report, with a warning', () => {
    const both = decodeDocument({ 'a.test': `${one} mode=report`, 'a.test#2': `${two} mode=enforce` });
    expect(both.warnings).to.have.length(1);
    expect(both.warnings[0]).to.contain('a.test').and.to.contain('enforce holds');
    const same = decodeDocument({ 'a.test': `${one} mode=report`, 'a.test#2': two });
    expect(same.warnings).to.deep.equal([]);
  });
});

describe('a key', () => {
  it('stands once, however it is written', () => {
    for (const other of ['A.TEST', 'a.test.', 'a。test']) {
      const error = refusal({ 'a.test': one, [other]: two }, 'ERR_DOCUMENT_MALFORMED');
      expect(error).to.include({ reason: 'duplicate-key', key: other });
    }
    const twice = refusal(`{"a.test": "${one}", "a.test": "${two}"}`, 'ERR_DOCUMENT_MALFORMED');
    expect(twice).to.include({ reason: 'duplicate-key', key: 'a.test' });
  });

  it('takes any text behind #, also none', () => {
    const document = decodeDocument({ 'a.test': one, 'a.test#': one, 'a.test#x#y z': one });
    expect(document.rows.map((row) => row.label)).to.deep.equal([undefined, '', 'x#y z']);
    expect(rowOf(document, 'a.test#x#y z')?.pattern).to.equal('a.test');
  });

  it('with the same label twice is refused', () => {
    expect(refusal({ 'a.test#x': one, 'A.test#x': two }, 'ERR_DOCUMENT_MALFORMED').reason).to.equal(
      'duplicate-key',
    );
  });

  for (const key of ['__proto__', 'a b.test', '', '#x', 'a.test:0', '*.', 'exa\u00admple.test']) {
    it(`${JSON.stringify(key)} refuses the document`, () => {
      const error = refusal(
        `{${JSON.stringify(key)}: "${one}", "b.test": "${one}"}`,
        'ERR_DOCUMENT_MALFORMED',
      );
      expect(['bad-key', 'forbidden-character']).to.include(error.reason);
      expect(error.key).to.equal(key);
    });
  }
});

describe('decodeDocument', () => {
  const pin = fc.constantFrom(one, two, `ca:${one}`, 'none', 'block', 'mode=report', 'until=2099-01-01', 'x');
  const key = fc.oneof(
    fc.constantFrom(
      'a.test',
      '*.a.test',
      '**.a.test',
      '*',
      'a.test:443',
      'a.test#1',
      '$note',
      '$revoked',
      '$x-y',
    ),
    fc.string({ unit: 'binary' }),
  );
  const document = fc.dictionary(
    key,
    fc.oneof(
      fc.array(pin).map((tokens) => tokens.join(' ')),
      fc.array(pin),
      fc.record({ pins: pin }),
      fc.jsonValue(),
    ),
  );
  const raw = fc.oneof(
    document.map((value) => JSON.stringify(value)),
    document,
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.object(),
    document.chain((value) => {
      const text = JSON.stringify(value);
      return fc.nat(text.length).map((at) => text.slice(0, at));
    }),
  );

  it('throws nothing but PinDocumentError, whatever it is given', () => {
    let taken = 0;
    fc.assert(
      fc.property(raw, (value) => {
        try {
          const decoded = decodeDocument(value);
          expect(decoded.rows.length).to.be.greaterThan(0);
          taken += 1;
        } catch (error) {
          expect(error).to.be.an.instanceof(PinDocumentError);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(taken).to.be.greaterThan(0);
  });

  for (const [title, text] of [
    ['a row of a hundred thousand tokens', JSON.stringify({ 'a.test': 'x,'.repeat(300_000) })],
    ['a long form of a hundred thousand tokens', `{"a.test":{"pins":[${'"x",'.repeat(200_000)}"x"]}}`],
    ['a long form with a very long text', JSON.stringify({ 'a.test': { pins: 'x,'.repeat(300_000) } })],
    ['a note that is nested deeply', `{"$note":${'['.repeat(400_000)}${']'.repeat(400_000)}}`],
    ['a row that is nested deeply', `{"a.test":${'['.repeat(400_000)}${']'.repeat(400_000)}}`],
    ['objects that are nested deeply', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['a key of a hundred thousand ideographs', `{"${'\u4e00\u4f00\u5000\u5100'.repeat(25_000)}":"none"}`],
    ['a thousand keys of 254 ideographs', JSON.stringify(Object.fromEntries(ideographs(1_000)))],
    ['a hundred thousand quotes', '"'.repeat(1_000_000)],
    ['a hundred thousand backslashes', `{"${'\\\\'.repeat(400_000)}": 1}`],
  ] as const) {
    it(`refuses ${title} in good time`, function () {
      this.timeout(2_000);
      expect(() => decodeDocument(text)).to.throw(PinDocumentError);
    });
  }
});

function* ideographs(keys: number): Generator<[string, string]> {
  for (let key = 0; key < keys; key += 1) {
    const letters = Array.from({ length: 254 }, (_, index) => String.fromCodePoint(0x4e00 + key + index * 7));
    yield [letters.join(''), 'none'];
  }
}

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  expect(Object.isFrozen(value)).to.equal(true);
  for (const part of Object.values(value)) expectFrozen(part);
}
