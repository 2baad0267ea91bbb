import { expect } from 'chai';
import { expected } from '#src/internal/expected.js';
import { codePointHex, durationText, printable } from '#src/internal/text.js';

describe('foreign text', () => {
  it('is made safe for one line of a log', () => {
    expect(printable('plain, with ümlaut')).to.equal('plain, with ümlaut');
    expect(printable('a\r\nb\u001b[2J\u202e\u2028\ud800')).to.equal(
      'a\\u000d\\u000ab\\u001b[2J\\u202e\\u2028\\ud800',
    );
  });

  it('is bounded', () => {
    expect(printable('x'.repeat(256))).to.equal('x'.repeat(256));
    expect(printable('x'.repeat(257))).to.equal(`${'x'.repeat(255)}…`);
    expect(printable('abcdef', 4)).to.equal('abc…');
    // What is escaped counts as it is printed.
    expect(printable('\u200b'.repeat(10), 12)).to.equal('\\u200b\\u200…');
    expect(printable('a😀b', 3)).to.equal('a…');
    expect(printable('a😀b', 4)).to.equal('a😀b');
    expect(printable('a'.repeat(1_000_000)).length).to.equal(256);
  });

  it('has code points', () => {
    expect([codePointHex('\t'), codePointHex('\u200b'), codePointHex('😀')]).to.deep.equal([
      '0009',
      '200B',
      '1F600',
    ]);
  });
});

describe('a duration for people', () => {
  for (const [milliseconds, text] of [
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [119_999, '120 s'],
    [120_000, '2 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
    [604_800_000, '7 d'],
  ] as const) {
    it(`of ${milliseconds} ms is ${text}`, () => {
      expect(durationText(milliseconds)).to.equal(text);
    });
  }
});

describe('a caught error', () => {
  it('that was expected comes back', () => {
    const error = new RangeError('x');
    expect(expected(error, RangeError)).to.equal(error);
  });

  it('that is a bug goes on its way', () => {
    const bug = new TypeError('bug');
    expect(() => expected(bug, RangeError))
      .to.throw(TypeError)
      .and.to.equal(bug);
  });
});
