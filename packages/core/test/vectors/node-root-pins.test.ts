import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { Pin } from '#src/pin/pin.js';
import { spkiDigest } from '#src/pin/spki.js';
import { readVectors } from '../support/vectors.js';

interface RootVector {
  readonly name: string;
  readonly subject: string;
  readonly key: string;
  readonly pin: string;
  readonly spkiSha256Hex: string;
}

const { roots } = readVectors('node-root-pins') as { roots: readonly RootVector[] };
const shipped = new Map(
  rootCertificates.map((pem) => {
    const certificate = new X509Certificate(pem);
    return [certificate.subject, certificate] as const;
  }),
);

describe("the vectors of Node's roots", () => {
  it('are all there, and this Node ships RSA, P-256 and P-384 roots among them', () => {
    expect(roots).to.have.length.at.least(24);
    const kinds = new Set(roots.filter(({ subject }) => shipped.has(subject)).map(({ key }) => key));
    expect([...kinds].join(' '))
      .to.contain('RSA')
      .and.contain('256')
      .and.contain('384');
  });

  for (const { name, subject, pin, spkiSha256Hex } of roots) {
    it(`${name} has the pin ${pin}`, function () {
      expect(Pin.parse(`spki-sha256:${spkiSha256Hex}`).toString()).to.equal(pin);
      const certificate = shipped.get(subject);
      // Root stores change between releases: a root that this Node does not ship is skipped.
      if (certificate === undefined) return this.skip();
      expect(`sha256/${spkiDigest(certificate.raw)}`).to.equal(pin);
      expect(Pin.ofCertificate(certificate.raw).toString()).to.equal(pin);
    });
  }
});
