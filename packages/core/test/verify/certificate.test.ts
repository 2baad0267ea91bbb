import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { DerError } from '#src/pin/der.js';
import { type CertificateFacts, readCertificateFacts, readNotAfter } from '#src/verify/certificate.js';
import { derOf } from '../support/chains.js';
import * as der from '../support/der.js';

const basicConstraints = '551d13';
const factsOf = (parts: der.CertificateParts): CertificateFacts =>
  readCertificateFacts(der.unsignedCertificate(parts));
const withPathLength = (hex: string): der.CertificateParts => ({
  extensions: [
    der.extension(
      basicConstraints,
      der.sequence(der.hexElement(0x01, 'ff'), der.hexElement(0x02, hex)),
      true,
    ),
  ],
});

describe('the facts of a certificate', () => {
  it("agree with Node's own reading, for every root that Node ships", () => {
    for (const pem of rootCertificates) {
      const certificate = new X509Certificate(pem);
      const facts = readCertificateFacts(certificate.raw);
      expect(facts.notBefore, certificate.subject).to.equal(Date.parse(certificate.validFrom));
      expect(facts.notAfter, certificate.subject).to.equal(Date.parse(certificate.validTo));
      expect(facts.selfIssued).to.equal(certificate.issuer === certificate.subject);
      expect(facts.unknownCritical, certificate.subject).to.deep.equal([]);
      expect(readNotAfter(certificate.raw)).to.equal(facts.notAfter);
    }
  });

  it('say what a CA restricts', () => {
    expect(readCertificateFacts(derOf('root'))).to.deep.include({
      isCa: true,
      isVersion3: true,
      pathLength: undefined,
      nameConstraints: undefined,
      selfIssued: true,
      unknownCritical: [],
      maySignCertificates: true,
      isForServers: true,
      hasStrongSignature: true,
      hasStrongKey: true,
    });
    expect(readCertificateFacts(derOf('intermediate')).selfIssued).to.equal(false);
    expect(readCertificateFacts(derOf('empty path')).pathLength).to.equal(0);
    expect(readCertificateFacts(derOf('pinned root with path length 1')).pathLength).to.equal(1);
    expect(readCertificateFacts(derOf('issuer with name constraints')).nameConstraints).to.deep.equal({
      permitted: [{ tag: 0x82, content: Buffer.from('other.test') }],
      excluded: [],
    });
    expect(readCertificateFacts(derOf('issuer for mail only')).isForServers).to.equal(false);
    expect(readCertificateFacts(derOf('issuer signed with SHA-1')).hasStrongSignature).to.equal(false);
    expect(
      readCertificateFacts(derOf('issuer with an unknown critical extension')).unknownCritical,
    ).to.have.length(1);
    expect(readCertificateFacts(derOf('issuer with an unknown extension')).unknownCritical).to.deep.equal([]);
  });

  for (const [text, iso] of [
    ['491231235959Z', '2049-12-31T23:59:59Z'],
    ['500101000000Z', '1950-01-01T00:00:00Z'],
    ['991231235959Z', '1999-12-31T23:59:59Z'],
    ['000101000000Z', '2000-01-01T00:00:00Z'],
  ] as const) {
    it(`read the UTCTime ${text} as ${iso}`, () => {
      expect(factsOf({ notAfter: der.utcTime(text) }).notAfter).to.equal(Date.parse(iso));
    });
  }

  for (const [title, parts] of [
    ['a GeneralizedTime with a fraction', { notAfter: der.generalizedTime('20270101000000.5Z') }],
    ['a UTCTime without seconds', { notAfter: der.utcTime('2701010000Z') }],
    ['a UTCTime with an offset', { notAfter: der.utcTime('270101000000+0100') }],
    ['a month 00', { notAfter: der.utcTime('270001000000Z') }],
    ['a month 13', { notAfter: der.utcTime('271301000000Z') }],
    ['a day 00', { notAfter: der.utcTime('270100000000Z') }],
    ['a day 32', { notAfter: der.utcTime('270132000000Z') }],
    ['an hour 24', { notAfter: der.utcTime('270101240000Z') }],
    ['a minute 60', { notAfter: der.utcTime('270101006000Z') }],
    ['a second 60', { notAfter: der.utcTime('270101000060Z') }],
    ['a letter for a digit', { notAfter: der.utcTime('27010100000aZ') }],
    ['a sign for a digit', { notAfter: der.utcTime('2701010000-1Z') }],
    ["a GeneralizedTime of a UTCTime's length", { notAfter: der.generalizedTime('270101000000Z') }],
    ['a time without Z', { notAfter: der.utcTime('2701010000000') }],
    ['a number for a time', { notBefore: der.hexElement(0x02, '05') }],
    ['no second time', { notAfter: Buffer.alloc(0) }],
    ['an extension without a value', { extensions: [der.sequence(der.hexElement(0x06, basicConstraints))] }],
    [
      'an extension with a number for a value',
      { extensions: [der.sequence(der.hexElement(0x06, basicConstraints), der.hexElement(0x02, '00'))] },
    ],
    ['an extension without an OID', { extensions: [der.sequence(der.hexElement(0x04, ''))] }],
    [
      'basicConstraints that are no sequence',
      { extensions: [der.extension(basicConstraints, Buffer.from('0500', 'hex'))] },
    ],
    ['an empty path length', withPathLength('')],
    ['a negative path length', withPathLength('ff')],
    ['a longer negative path length', withPathLength('c0000000')],
    [
      'an extension for the second time',
      { extensions: [der.extension('2b0601', Buffer.alloc(0)), der.extension('2b0601', Buffer.alloc(0))] },
    ],
    [
      'a validity of three times',
      { notAfter: Buffer.concat([der.utcTime('270101000000Z'), der.utcTime('280101000000Z')]) },
    ],
    ['a field that nobody knows', { rest: [der.hexElement(0x84, '00')] }],
    ['bytes behind the extensions', { rest: [der.hexElement(0xa3, '3000')], extensions: [] }],
    [
      'an extension with two values',
      {
        extensions: [
          der.sequence(der.hexElement(0x06, '2b0601'), der.hexElement(0x04, ''), der.hexElement(0x04, '')),
        ],
      },
    ],
    [
      'basicConstraints that go on',
      {
        extensions: [
          der.extension(
            basicConstraints,
            der.sequence(der.hexElement(0x02, '01'), der.hexElement(0x01, 'ff')),
          ),
        ],
      },
    ],
    [
      'critical by halves',
      {
        extensions: [
          der.sequence(der.hexElement(0x06, '2b0601'), der.hexElement(0x01, '01'), der.hexElement(0x04, '')),
        ],
      },
    ],
    ['a key usage of no octet', { extensions: [der.extension('551d0f', der.hexElement(0x03, ''))] }],
  ] as const) {
    it(`refuse ${title}`, () => {
      expect(() => factsOf(parts)).to.throw(DerError);
    });
  }

  for (const [hex, pathLength] of [
    ['00', 0],
    ['03', 3],
    ['0080', 128],
    ['7fffff', 0x7fffff],
    ['7fffffff', Infinity],
  ] as const) {
    it(`read the path length ${hex} as ${pathLength}`, () => {
      expect(factsOf(withPathLength(hex)).pathLength).to.equal(pathLength);
    });
  }

  it('have no path length where only the CA bit is set, or not even that', () => {
    const constraints = (...parts: Buffer[]): der.CertificateParts => ({
      extensions: [der.extension(basicConstraints, der.sequence(...parts))],
    });
    expect(factsOf(constraints(der.hexElement(0x01, 'ff'))).pathLength).to.equal(undefined);
    expect(factsOf(constraints()).pathLength).to.equal(undefined);
    expect(factsOf({}).pathLength).to.equal(undefined);
  });

  it('take critical for what it says', () => {
    const oid = '2b0601';
    const unknown = (critical?: boolean): readonly string[] =>
      factsOf({ extensions: [der.extension(oid, Buffer.alloc(0), critical)] }).unknownCritical;
    expect([unknown(true), unknown(false), unknown()]).to.deep.equal([[oid], [], []]);
  });

  it('are found behind unique identifiers, which nobody uses', () => {
    const parts = { rest: [der.hexElement(0x81, '0000'), der.hexElement(0x82, '0000')] };
    expect(factsOf({ ...parts, ...withPathLength('01') }).pathLength).to.equal(1);
  });

  it('of damaged bytes are a DerError or facts, and nothing else comes out', () => {
    const whole = derOf('issuer with name constraints');
    let refused = 0;
    for (let bit = 0; bit < whole.length * 8; bit += 3) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        expect(readCertificateFacts(flipped)).to.have.property('notAfter').that.is.a('number');
      } catch (error) {
        expect(error, `bit ${bit}`).to.be.an.instanceof(DerError);
        refused += 1;
      }
    }
    expect(refused).to.be.greaterThan(100);
  });
});
