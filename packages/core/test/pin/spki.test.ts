import { createHash, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { DerError } from '#src/pin/der.js';
import { certificateLayout, sha256Base64, sha256Hex, sliceSpki, spkiDigest } from '#src/pin/spki.js';
import { derOf } from '../support/chains.js';

const exported = (der: Uint8Array): Buffer =>
  new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });

describe('the SubjectPublicKeyInfo of a certificate', () => {
  it('is what Node exports, for every root certificate that Node ships', () => {
    expect(rootCertificates.length).to.be.greaterThan(50);
    for (const pem of rootCertificates) {
      const { raw, subject } = new X509Certificate(pem);
      expect(Buffer.from(sliceSpki(raw)).equals(exported(raw)), subject).to.equal(true);
    }
  });

  for (const kind of ['ec', 'ec384', 'rsa', 'ed25519']) {
    it(`is what Node exports, for a key of kind ${kind}`, () => {
      const der = derOf(`key ${kind}`);
      expect(Buffer.from(sliceSpki(der)).toString('hex')).to.equal(exported(der).toString('hex'));
      expect(spkiDigest(der)).to.equal(createHash('sha256').update(exported(der)).digest('base64'));
    });
  }

  it('is found for an RSA-PSS key, whose parameters Node writes its own way', () => {
    const der = derOf('key rsa-pss');
    const { publicKey } = new X509Certificate(der);
    const sliced = Buffer.from(sliceSpki(der));
    expect(publicKey.asymmetricKeyType).to.equal('rsa-pss');
    expect(sliced.includes(publicKey.export({ type: 'spki', format: 'der' }).subarray(-200))).to.equal(true);
  });

  it('is a view on the bytes of the certificate, also in the middle of a larger buffer', () => {
    const der = derOf('leaf');
    const larger = Buffer.concat([Buffer.alloc(7), der, Buffer.alloc(9)]);
    const slice = sliceSpki(larger.subarray(7, 7 + der.length));
    expect(slice.buffer).to.equal(larger.buffer);
    expect(Buffer.from(slice).equals(exported(der))).to.equal(true);
  });

  it('is found in a certificate of version 1, which has no version field', () => {
    const oldRoot = derOf('leaf');
    const [start] = certificateLayout(oldRoot).signature;
    expect(start).to.be.greaterThan(0);
    // Taken out of the TBSCertificate: [0] EXPLICIT version, five bytes.
    const withoutVersion = withoutVersionField(oldRoot);
    expect(spkiDigest(withoutVersion)).to.equal(spkiDigest(oldRoot));
  });
});

describe('a damaged certificate', () => {
  const der = derOf('leaf');

  it('that is cut off at any byte is a DerError', () => {
    for (let length = 0; length < der.length; length += 1) {
      expect(() => spkiDigest(der.subarray(0, length)), `${length} bytes`).to.throw(DerError);
    }
  });

  it('with bytes behind it is a DerError', () => {
    expect(() => spkiDigest(Buffer.concat([der, Buffer.from([0])]))).to.throw(DerError, /^bytes after the/u);
  });

  it('with one flipped bit is a DerError or has a digest, and nothing else comes out', () => {
    let refused = 0;
    for (let bit = 0; bit < der.length * 8; bit += 1) {
      const flipped = Buffer.from(der);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        expect(spkiDigest(flipped)).to.match(/^[A-Za-z0-9+/]{43}=$/u);
      } catch (error) {
        expect(error, `bit ${bit}`).to.be.an.instanceof(DerError);
        refused += 1;
      }
    }
    expect(refused).to.be.greaterThan(100);
  });

  it('with another key has another digest', () => {
    const [start, end] = certificateLayout(der).spki;
    for (let at = start; at < end; at += 1) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      let digest: string | undefined;
      try {
        digest = spkiDigest(changed);
      } catch {
        continue;
      }
      expect(digest, `byte ${at}`).not.to.equal(spkiDigest(der));
    }
  });
});

describe('the digests', () => {
  it('are SHA-256, in base64 with padding and in lower-case hexadecimal', () => {
    const abc = Buffer.from('abc');
    expect(sha256Base64(abc)).to.equal('ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=');
    expect(sha256Hex(abc)).to.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256Hex('abc')).to.equal(sha256Hex(abc));
  });
});

/** The same certificate without its version field; lengths are mended, the signature is not. */
function withoutVersionField(der: Buffer): Buffer {
  const tbsStart = 4;
  const tbsContent = tbsStart + 4;
  const withoutVersion = Buffer.concat([der.subarray(tbsContent + 5)]);
  const tbsLength = der.readUInt16BE(tbsStart + 2) - 5;
  const header = (length: number): Buffer => Buffer.from([0x30, 0x82, length >> 8, length & 0xff]);
  return Buffer.concat([header(der.readUInt16BE(2) - 5), header(tbsLength), withoutVersion]);
}
