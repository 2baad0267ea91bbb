import { expect } from 'chai';
import { DerError, expectElement, readElement } from '#src/pin/der.js';

const read = (hex: string, offset = 0): ReturnType<typeof readElement> => {
  const bytes = Buffer.from(hex, 'hex');
  return readElement(bytes, offset, bytes.length);
};

describe('the DER reader', () => {
  it('reads short and long lengths', () => {
    expect(read('0500')).to.deep.equal({ tag: 5, start: 0, contentStart: 2, end: 2 });
    expect(read(`048180${'00'.repeat(0x80)}`)).to.include({ contentStart: 3, end: 0x83 });
    expect(read(`04820100${'00'.repeat(0x100)}`)).to.include({ contentStart: 4, end: 0x104 });
    expect(read(`0483010000${'00'.repeat(0x10000)}`)).to.include({ contentStart: 5, end: 0x10005 });
  });

  it('reads at an offset', () => {
    expect(read('ff0402aabb', 1)).to.deep.equal({ tag: 4, start: 1, contentStart: 3, end: 5 });
  });

  for (const [title, hex] of [
    ['nothing', ''],
    ['a tag without a length', '30'],
    ['a multi-byte tag', '1f8101'],
    ['an indefinite length', '30800000'],
    ['a length of four bytes', '308400000001ff'],
    ['a length that is cut off', '3082'],
    ['a long form for a short length', `30817f${'00'.repeat(0x7f)}`],
    ['a leading zero in the length', `308200ff${'00'.repeat(0xff)}`],
    ['a length of three bytes with a leading zero', `30830001ff${'00'.repeat(0x1ff)}`],
    ['content that ends early', '3003aabb'],
  ] as const) {
    it(`refuses ${title}`, () => {
      expect(() => read(hex)).to.throw(DerError);
    });
  }

  it('refuses an element that ends outside of its parent, though the bytes go on', () => {
    expect(() => readElement(Buffer.from('3003aabbcc', 'hex'), 0, 4)).to.throw(DerError);
    expect(() => readElement(Buffer.from('3003aabbcc', 'hex'), 5, 9)).to.throw(DerError);
  });

  it('insists on the tag that is asked for', () => {
    const bytes = Buffer.from('020105', 'hex');
    expect(expectElement(bytes, 0, 3, 0x02).end).to.equal(3);
    expect(() => expectElement(bytes, 0, 3, 0x30)).to.throw(DerError);
  });

  // The text gets into the message of a refused connection: what is wrong, and at which byte.
  for (const [hex, text] of [
    ['', 'bytes end at 0'],
    ['30', 'bytes end at 1'],
    ['1f8101', 'multi-byte tag at 0'],
    ['1f00', 'multi-byte tag at 0'],
    ['30800000', 'indefinite or oversized length at 0'],
    ['308400000001ff', 'indefinite or oversized length at 0'],
    ['3082', 'bytes end at 2'],
    ['30817f', 'length not minimal at 0'],
    ['3003aabb', 'element at 0 ends outside its parent'],
  ] as const) {
    it(`says of ${hex === '' ? 'nothing' : hex}: ${text}`, () => {
      expect(() => read(hex)).to.throw(DerError, new RegExp(`^${text}$`, 'u'));
    });
  }

  it('never reads past its limit, and names itself', () => {
    const bytes = Buffer.from('0500', 'hex');
    expect(() => readElement(bytes, 0, 1)).to.throw(DerError, /^bytes end at 1$/u);
    expect(() => expectElement(bytes, 0, 2, 0x30)).to.throw(DerError, /^expected tag 0x30 at 0$/u);
    expect(new DerError('x').name).to.equal('DerError');
  });
});
