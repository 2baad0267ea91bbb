import { expect } from 'chai';
import { DerError } from '#src/pin/der.js';
import type { NodeCertificate } from '#src/verify/certificate.js';
import { Evidence } from '#src/verify/evidence.js';
import {
  derOf,
  evidenceOf,
  fingerprintOf,
  host,
  lonePeer,
  nodeCertificate,
  pinOf,
} from '../support/chains.js';

describe('evidence', () => {
  it('holds what Node showed, leaf first, and cannot be changed', () => {
    const evidence = evidenceOf('without root', 443);
    expect(evidence).to.include({ host, port: 443 });
    expect(evidence.certificates.map((der) => Buffer.from(der).toString('base64'))).to.deep.equal(
      ['leaf', 'intermediate', 'root'].map((name) => derOf(name).toString('base64')),
    );
    expect(Object.isFrozen(evidence) && Object.isFrozen(evidence.certificates)).to.equal(true);
  });

  it('knows key, fingerprint and end of its certificates, however often it is asked', () => {
    const evidence = evidenceOf('without root');
    for (let time = 0; time < 2; time += 1) {
      expect(`sha256/${evidence.spkiDigest(1)}`).to.equal(pinOf('intermediate'));
      expect(evidence.fingerprint(0)).to.equal(fingerprintOf('leaf'));
      expect(evidence.notAfter).to.equal(Date.UTC(2099, 11, 31, 23, 59, 59));
    }
  });

  it('has no certificate where Node showed none', () => {
    const evidence = evidenceOf('without root');
    for (const ask of [
      (): unknown => evidence.certificate(3),
      (): unknown => evidence.spkiDigest(-1),
      (): unknown => evidence.fingerprint(3),
    ]) {
      expect(ask).to.throw(DerError);
    }
    for (const nothing of [{}, { raw: 'text' }, { raw: undefined }]) {
      expect(() => new Evidence(host, 443, nothing as unknown as NodeCertificate)).to.throw(DerError);
    }
  });

  it('ends where a certificate refers to itself, or to none', () => {
    expect(new Evidence(host, 443, lonePeer('lone')).certificates).to.have.length(1);
    expect(new Evidence(host, 443, { raw: derOf('lone') }).certificates).to.have.length(1);
  });

  it('is refused where a chain does not end', () => {
    const first: { raw: Buffer; issuerCertificate?: NodeCertificate } = { raw: derOf('leaf') };
    first.issuerCertificate = { raw: derOf('root'), issuerCertificate: first };
    expect(() => new Evidence(host, 443, first)).to.throw(DerError);
  });

  it('takes 64 certificates and no more', () => {
    const chain = (length: number): NodeCertificate =>
      nodeCertificate(Array.from({ length }, () => derOf('leaf')));
    expect(new Evidence(host, 443, chain(64)).certificates).to.have.length(64);
    expect(() => new Evidence(host, 443, chain(65))).to.throw(DerError);
  });
});
