import { expect } from 'chai';
import { DerError, readElement } from '#src/pin/der.js';
import { isStrongKey, isStrongSignature } from '#src/verify/algorithms.js';
import * as der from '../support/der.js';

const oid = (hex: string): Buffer => der.hexElement(0x06, hex);
const algorithm = (hex: string, ...parameters: Buffer[]): Buffer => der.sequence(oid(hex), ...parameters);
const nothing = der.hexElement(0x05, '');
const isStrong = (bytes: Buffer): boolean => isStrongSignature(bytes, readElement(bytes, 0, bytes.length));
const isStrongKeyOf = (...parts: Buffer[]): boolean => {
  const bytes = der.sequence(...parts);
  return isStrongKey(bytes, readElement(bytes, 0, bytes.length));
};

const rsaPss = '2a864886f70d01010a';
const mgf1 = '2a864886f70d010108';
const [sha256, sha384, sha1] = ['608648016503040201', '608648016503040202', '2b0e03021a'] as const;

const pss = (hash: string | undefined, mask: string | undefined, generator = mgf1): Buffer => {
  const fields = [
    ...(hash === undefined ? [] : [der.tagged(0xa0, algorithm(hash, nothing))]),
    ...(mask === undefined ? [] : [der.tagged(0xa1, algorithm(generator, algorithm(mask, nothing)))]),
  ];
  return algorithm(rsaPss, der.sequence(...fields));
};

describe('a signature algorithm', () => {
  for (const [name, hex] of [
    ['SHA-256 with RSA', '2a864886f70d01010b'],
    ['SHA-512 with RSA', '2a864886f70d01010d'],
    ['ECDSA with SHA-256', '2a8648ce3d040302'],
    ['ECDSA with SHA-384', '2a8648ce3d040303'],
    ['Ed25519', '2b6570'],
    ['Ed448', '2b6571'],
    ['ML-DSA-65', '608648016503040312'],
  ] as const) {
    it(`is strong: ${name}`, () => {
      expect(isStrong(algorithm(hex, nothing))).to.equal(true);
    });
  }

  for (const [name, hex] of [
    ['MD2 with RSA', '2a864886f70d010102'],
    ['MD5 with RSA', '2a864886f70d010104'],
    ['SHA-1 with RSA', '2a864886f70d010105'],
    ['SHA-1 with RSA, by its other name', '2b0e03021d'],
    ['SHA-1 with DSA', '2a8648ce380403'],
    ['SHA-256 with DSA', '608648016503040302'],
    ['ECDSA with SHA-1', '2a8648ce3d0401'],
    ['ECDSA with whatever the parameters say', '2a8648ce3d0403'],
    ['one that nobody knows', '2b0601'],
  ] as const) {
    it(`is not: ${name}`, () => {
      expect(isStrong(algorithm(hex, nothing))).to.equal(false);
    });
  }

  it('of RSA-PSS is as strong as both hashes in its parameters', () => {
    expect(isStrong(pss(sha256, sha256))).to.equal(true);
    expect(isStrong(pss(sha384, sha256))).to.equal(true);
    expect(isStrong(pss(sha1, sha256))).to.equal(false);
    expect(isStrong(pss(sha256, sha1))).to.equal(false);
    expect(isStrong(pss(sha256, sha256, sha256))).to.equal(false);
  });

  it('of RSA-PSS that leaves a hash out means SHA-1', () => {
    for (const bytes of [pss(undefined, sha256), pss(sha256, undefined), algorithm(rsaPss)])
      expect(isStrong(bytes)).to.equal(false);
  });

  it('of RSA-PSS with a mask of no hash is not strong', () => {
    const mask = der.tagged(0xa1, algorithm(mgf1));
    const bytes = algorithm(rsaPss, der.sequence(der.tagged(0xa0, algorithm(sha256)), mask));
    expect(isStrong(bytes)).to.equal(false);
  });

  it('without a name is a DerError', () => {
    for (const bytes of [der.sequence(), der.sequence(nothing)])
      expect(() => isStrong(bytes)).to.throw(DerError);
  });
});

const rsa = '2a864886f70d010101';
const bits = (...parts: Buffer[]): Buffer => der.tagged(0x03, Buffer.from([0]), ...parts);
const rsaKey = (modulus: string, exponent = '010001', name = rsa): boolean =>
  isStrongKeyOf(
    algorithm(name, nothing),
    bits(der.sequence(der.hexElement(0x02, modulus), der.hexElement(0x02, exponent))),
  );
const modulusOf = (length: number): string => {
  const hex = (1n << BigInt(length - 1)).toString(16);
  return hex.length % 2 === 0 ? (length % 8 === 0 ? `00${hex}` : hex) : `0${hex}`;
};

describe('a key', () => {
  it('of RSA is strong from 2,048 bits on', () => {
    expect([2_048, 3_072, 4_096].map((length) => rsaKey(modulusOf(length)))).to.not.include(false);
    expect([512, 1_024, 2_040, 2_047].map((length) => rsaKey(modulusOf(length)))).to.not.include(true);
    expect(rsaKey(modulusOf(2_048), '010001', rsaPss)).to.equal(true);
  });

  it('of RSA with an exponent of 1 signs whatever one likes', () => {
    expect(['00', '01', '0001'].map((exponent) => rsaKey(modulusOf(2_048), exponent))).to.not.include(true);
    expect(rsaKey(modulusOf(2_048), '03')).to.equal(true);
  });

  it('of RSA that is not there is not strong', () => {
    expect(rsaKey('')).to.equal(false);
    expect(isStrongKeyOf(algorithm(rsa, nothing))).to.equal(false);
    for (const numbers of [[], [der.hexElement(0x02, modulusOf(2_048))]])
      expect(isStrongKeyOf(algorithm(rsa, nothing), bits(der.sequence(...numbers)))).to.equal(false);
  });

  it('on an elliptic curve is strong where the curve is a known one, by name', () => {
    const onCurve = (...parameters: Buffer[]): boolean =>
      isStrongKeyOf(algorithm('2a8648ce3d0201', ...parameters), bits());
    for (const curve of ['2a8648ce3d030107', '2b81040022', '2b81040023', '2b8104000a', '2b2403030208010107'])
      expect(onCurve(oid(curve)), curve).to.equal(true);
    // P-192, parameters spelled out, none at all.
    expect([onCurve(oid('2a8648ce3d030101')), onCurve(der.sequence()), onCurve()]).to.not.include(true);
  });

  it('of another kind is strong where its kind is known', () => {
    const kinds = ['2b6570', '2b6571', '608648016503040311', '2a8648ce380401', '2b656e', '2b0601'];
    expect(kinds.map((kind) => isStrongKeyOf(algorithm(kind), bits()))).to.deep.equal([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('without an algorithm is a DerError', () => {
    expect(() => isStrongKeyOf()).to.throw(DerError);
  });
});
