import { expect } from 'chai';
import * as der from '#src/pki/der.js';

const hex = (encoded: Buffer): string => encoded.toString('hex');

describe('the DER writer', () => {
  it('uses the short and the long form of a length', () => {
    expect(hex(der.octetString(Buffer.alloc(0x7f)).subarray(0, 2))).to.equal('047f');
    expect(hex(der.octetString(Buffer.alloc(0x80)).subarray(0, 3))).to.equal('048180');
    expect(hex(der.octetString(Buffer.alloc(0x100)).subarray(0, 4))).to.equal('04820100');
  });

  it('keeps integers minimal and never negative', () => {
    expect(
      ['', '00', '7f', '80', '0000ff'].map((octets) => hex(der.unsignedInteger(Buffer.from(octets, 'hex')))),
    )
      .to.deep //
      .equal(['020100', '020100', '02017f', '02020080', '020200ff']);
    expect(() => der.smallInteger(-1)).to.throw(RangeError);
    expect(() => der.smallInteger(1.5)).to.throw(RangeError);
  });

  it('packs object identifiers base 128', () => {
    expect(hex(der.objectIdentifier('1.2.840.113549'))).to.equal('06062a864886f70d');
    expect(hex(der.objectIdentifier('2.999.3'))).to.equal('0603883703');
    expect(() => der.objectIdentifier('not.an.oid')).to.throw(TypeError);
  });

  it('cuts named bits after the last one', () => {
    expect(hex(der.namedBits([0]))).to.equal('03020780');
    expect(hex(der.namedBits([5, 6]))).to.equal('03020106');
    expect(hex(der.namedBits([8]))).to.equal('0303070080');
    expect(hex(der.namedBits([]))).to.equal('030100');
  });

  it('changes the type of time at 2050 and refuses years that no certificate can carry', () => {
    expect(der.time(new Date('2049-12-31T23:59:59.9Z')).toString('latin1').slice(2)).to.equal(
      '491231235959Z',
    );
    expect(der.time(new Date('2050-01-01T00:00:00Z')).toString('latin1').slice(2)).to.equal(
      '20500101000000Z',
    );
    expect(() => der.time(new Date('1900-01-01'))).to.throw(RangeError);
  });
});
