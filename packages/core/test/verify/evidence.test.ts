import { expect } from 'chai';
import { DerError } from '#src/pin/der.js';
import type { NodeCertificate } from '#src/verify/certificate.js';
import { Evidence, EvidenceCache } from '#src/verify/evidence.js';
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

describe('the evidence of connections that show the same', () => {
  const shows = (...ders: Uint8Array[]): NodeCertificate =>
    nodeCertificate(ders.map((der) => Buffer.from(der)));
  const [leaf, issuer, root] = ['leaf', 'intermediate', 'root'].map(derOf) as [Buffer, Buffer, Buffer];
  /** The leaf with another byte at the place. */
  const changed = (place: number): Buffer => {
    const other = Buffer.from(leaf);
    other[place] = Number(leaf.at(place)) ^ 1;
    return other;
  };

  it('is one, for one host and port', () => {
    const cache = new EvidenceCache();
    const first = cache.of(host, 443, shows(leaf, issuer, root));
    expect(cache.of(host, 443, shows(leaf, issuer, root))).to.equal(first);
    for (const [otherHost, port] of [
      ['other.test', 443],
      [host, 8443],
      [host, undefined],
    ] as const) {
      const other = cache.of(otherHost, port, shows(leaf, issuer, root));
      expect(other).to.not.equal(first);
      expect(other).to.include({ host: otherHost, port });
    }
  });

  it('is another where one byte of any certificate differs, one is missing, added or in another place', () => {
    const cache = new EvidenceCache();
    cache.of(host, 443, shows(leaf, issuer, root));
    for (const ders of [
      [changed(10), issuer, root],
      [changed(leaf.length - 40), issuer, root],
      [changed(leaf.length - 1), issuer, root],
      [leaf, root, issuer],
      [leaf, issuer],
      [leaf, issuer, root, root],
      [leaf],
    ]) {
      const evidence = cache.of(host, 443, shows(...ders));
      expect(evidence.certificates).to.deep.equal(ders);
      cache.of(host, 443, shows(leaf, issuer, root));
    }
  });

  it('is held no longer than its place is needed', () => {
    const cache = new EvidenceCache();
    const first = cache.of('first.test', 443, shows(leaf, issuer, root));
    const junk = Buffer.alloc(100_000);
    for (let index = 0; index < 45; index += 1) cache.of(`host-${index}.test`, 443, shows(leaf, junk));
    expect(cache.of('first.test', 443, shows(leaf, issuer, root))).to.not.equal(first);
    const last = cache.of('last.test', 443, shows(leaf, junk));
    expect(cache.of('last.test', 443, shows(leaf, junk))).to.equal(last);
  });

  it('does not exist where Node shows no certificate', () => {
    const cache = new EvidenceCache();
    for (const nothing of [{}, { raw: 'text' }]) {
      expect(() => cache.of(host, 443, nothing as unknown as NodeCertificate)).to.throw(DerError);
    }
    const first = cache.of(host, 443, shows(leaf, issuer));
    const half = { raw: leaf, issuerCertificate: { raw: 'text' } } as unknown as NodeCertificate;
    expect(first.isOf(half)).to.equal(false);
    expect(() => cache.of(host, 443, half)).to.throw(DerError);
  });
});
