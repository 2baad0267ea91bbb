import { createPublicKey, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { DerError } from '#src/pin/der.js';
import { sliceSpki } from '#src/pin/spki.js';
import { type CertificateFacts, readCertificateFacts } from '#src/verify/certificate.js';
import { certificateNames, derOf } from '../support/chains.js';
import { mutatedBytes } from './arbitraries.js';
import { mutatedElements } from './der-tree.js';
import { type Property, property } from './property.js';

const certificates: readonly Uint8Array[] = [
  ...certificateNames.map(derOf).filter((der) => read(der) !== undefined),
  ...rootCertificates.map((pem) => new X509Certificate(pem).raw),
];

/** A certificate that was damaged; or none, so that the comparison itself is seen to work. */
const damaged: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(...certificates) },
  { weight: 10, arbitrary: mutatedBytes(fc.constantFrom(...certificates)) },
  { weight: 20, arbitrary: mutatedElements(fc.constantFrom(...certificates)) },
);

function read(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function refusedOr<Value>(run: () => Value): Value | undefined {
  try {
    return run();
  } catch (error) {
    expect(error).to.be.an.instanceof(DerError);
    return undefined;
  }
}

/** The key as OpenSSL writes it, where OpenSSL can read it. */
function exported(key: () => ReturnType<typeof createPublicKey>): string | undefined {
  try {
    return key().export({ type: 'spki', format: 'der' }).toString('hex');
  } catch {
    return undefined;
  }
}

/** Epoch ms of OpenSSL's text for a time; `undefined` where it is none, or a year that Date.parse reads its own way. */
function instant(text: string): number | undefined {
  const value = / [0-9]{4} GMT$/u.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(value) ? undefined : value;
}

export const certificateProperties: readonly Property[] = [
  property(
    'spki-slice',
    'the key sliced out of a damaged certificate is the one that OpenSSL reads in it, or it is refused',
    400,
    damaged,
    (der) => {
      const slice = refusedOr(() => sliceSpki(der));
      const x509 = read(der);
      if (slice === undefined || x509 === undefined) return;
      // Node hands over what OpenSSL writes, not what came over the wire.
      const again = refusedOr(() => sliceSpki(x509.raw));
      if (again !== undefined) expect(Buffer.from(again).equals(slice)).to.equal(true);
      const byOpenSsl = exported(() => x509.publicKey);
      if (byOpenSsl === undefined || Buffer.from(slice).toString('hex') === byOpenSsl) return;
      // OpenSSL writes a key anew, by its own rules: other bytes are right only where it reads them as the same key.
      const rewritten = exported(() =>
        createPublicKey({ key: Buffer.from(slice), format: 'der', type: 'spki' }),
      );
      expect(rewritten).to.equal(byOpenSsl);
    },
  ),
  property(
    'certificate-facts',
    'dates and names of a damaged certificate are those that OpenSSL reads in it, or it is refused',
    400,
    damaged,
    (der) => {
      const facts: CertificateFacts | undefined = refusedOr(() => readCertificateFacts(der));
      const x509 = read(der);
      if (facts === undefined || x509 === undefined) return;
      const [from, to] = [instant(x509.validFrom), instant(x509.validTo)];
      if (from !== undefined) expect(facts.notBefore).to.equal(from);
      if (to !== undefined) expect(facts.notAfter).to.equal(to);
      if (facts.selfIssued) expect(x509.issuer).to.equal(x509.subject);
    },
  ),
];
