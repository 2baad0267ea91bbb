import { type KeyObject, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { DerError } from '#src/pin/der.js';
import { type Link, LinkCache } from '#src/verify/link.js';
import { Evidence } from '#src/verify/evidence.js';
import { type PathEnd, walkPath } from '#src/verify/path.js';
import { derOf, evidenceOf, host, nodeCertificate, shownIn, testTime } from '../support/chains.js';
import { unsignedCertificate } from '../support/der.js';

const lastSecond = Date.UTC(2099, 11, 31, 23, 59, 59);

function walk(
  evidence: Evidence,
  now = testTime,
  links = new LinkCache(),
): { reached: number; end?: PathEnd | undefined } {
  const { steps, end } = walkPath(evidence, links, now);
  return { reached: steps.at(-1)?.index ?? 0, end };
}

const check = (links: LinkCache, chain: string, child = 0, now = testTime): Link =>
  links.check(evidenceOf(chain), child, child + 1, now);

describe('the walk from the leaf up', () => {
  for (const [chain, reached] of [
    ['without root', 2],
    ['with root', 2],
    ['ordered, deep', 3],
    ['path length kept', 2],
    ['ten certificates', 9],
    ['issuer for any purpose', 2],
    ['issuer for servers', 2],
    ['issuer with an unknown extension', 2],
    ['signed with SHA-256 and PSS', 2],
    ['root signed with MD5', 1],
  ] as const) {
    it(`reaches the last certificate of the chain "${chain}"`, () => {
      expect(walk(evidenceOf(chain))).to.deep.equal({ reached, end: undefined });
      expect(shownIn(chain)).to.have.length(reached + 1);
    });
  }

  // Each of these chains is sound but for the one thing that its name says.
  for (const [chain, reached, word] of [
    ['no CA bit, straight', 0, 'not a CA'],
    ['issuer of another name', 0, 'not issued by'],
    ['root of the same name', 1, 'signature'],
    ['issuer for mail only', 0, 'extended key usage'],
    ['issuer with an unknown critical extension', 0, 'critical extension'],
    ['expired issuer', 0, 'expired'],
    ['issuer not valid yet', 0, 'not valid yet'],
    ['issuer with name constraints', 0, 'are not kept'],
    ['issuer with name constraints that are kept', 1, 'which end a path'],
    ['issuer signed with SHA-1', 1, 'weak'],
    ['path length exceeded', 1, 'path length'],
    ['eleven certificates', 9, 'longer'],
    ['issuer of version 1', 0, 'not a CA'],
    ['issuer without basicConstraints', 0, 'not a CA'],
    ['issuer that may not sign', 0, 'key usage'],
    ['issuer with two basicConstraints', 0, 'cannot be read'],
    ['issuer with two purposes, each in its own extension', 0, 'cannot be read'],
    ['issuer with a critical issuerAltName', 0, 'critical extension'],
    ['issuer with bytes behind its basicConstraints', 0, 'cannot be read'],
    ['issuer with a sloppy CA bit', 0, 'cannot be read'],
    ['issuer with a negative path length', 0, 'cannot be read'],
    ['issuer with a path length and no CA bit', 0, 'not a CA'],
    ['issuer with a malformed key identifier', 0, 'not a CA to OpenSSL'],
    ['issuer that is a proxy', 0, 'not a CA to OpenSSL'],
    ['short RSA key', 0, 'key of its issuer is weak'],
    ['curve spelled out', 0, 'key of its issuer is weak'],
    ['signed with MD5', 1, 'algorithm that is weak'],
    ['signed with SHA-1 and RSA', 1, 'algorithm that is weak'],
    ['signed with SHA-1 and PSS', 1, 'algorithm that is weak'],
    ['self-issued CA', 1, 'path length'],
    ['old root alone', 1, 'signature'],
  ] as const) {
    it(`ends at ${reached} in the chain "${chain}"`, () => {
      const { reached: last, end } = walk(evidenceOf(chain));
      expect(last).to.equal(reached);
      expect(end?.index).to.equal(reached);
      expect(end?.reason).to.match(new RegExp(word, 'u'));
    });
  }

  it('finds the root that signed, where an older one of the same name stands before it', () => {
    const { steps, isComplete } = walkPath(
      evidenceOf('old root before the new one'),
      new LinkCache(),
      testTime,
    );
    expect(steps.map(({ index }) => index)).to.deep.equal([1, 3]);
    expect(isComplete).to.equal(true);
  });

  it('goes round no loop', () => {
    const { steps, isComplete } = walkPath(evidenceOf('loop'), new LinkCache(), testTime);
    expect(steps.map(({ index }) => index)).to.deep.equal([1, 2]);
    expect(isComplete).to.equal(false);
  });

  it('checks a bounded number of signatures, however many certificates bear the right name', () => {
    const old = derOf('old root');
    // Another signature on each: nobody asks for it, and each is another certificate.
    const namesakes = Array.from({ length: 60 }, (_, index) => {
      const other = Buffer.from(old);
      other[other.length - 1] = Number(old.at(-1)) ^ (index + 1);
      return other;
    });
    const shown = [
      ...['leaf of the new root', 'CA of the new root'].map(derOf),
      ...namesakes,
      derOf('new root'),
    ];
    const verify = Object.getOwnPropertyDescriptor(X509Certificate.prototype, 'verify') ?? {};
    const ask = verify.value as (this: X509Certificate, key: KeyObject) => boolean;
    let verified = 0;
    X509Certificate.prototype.verify = function counted(key): boolean {
      verified += 1;
      return ask.call(this, key);
    };
    try {
      const walked = walkPath(new Evidence(host, 443, nodeCertificate(shown)), new LinkCache(), testTime);
      expect(walked.steps.map(({ index }) => index)).to.deep.equal([1]);
      expect(walked.isComplete).to.equal(false);
      expect(walked.end?.reason).to.contain('too many');
    } finally {
      Object.defineProperty(X509Certificate.prototype, 'verify', verify);
    }
    expect(verified).to.equal(18);
  });

  it('is complete only where a path leads to a certificate of its own name', () => {
    const isComplete = (chain: string): boolean =>
      walkPath(evidenceOf(chain), new LinkCache(), testTime).isComplete;
    expect(['without root', 'lone'].map(isComplete)).to.deep.equal([true, true]);
    expect(
      ['trusted but not self-signed', 'unordered with root', 'expired issuer', 'eleven certificates'].map(
        isComplete,
      ),
    ).to.deep.equal([false, false, false, false]);
  });

  it('refuses a signature algorithm that stands differently outside of what is signed', () => {
    const sound = derOf('intermediate');
    const other = Buffer.from(sound);
    const algorithm = Buffer.from('06082a8648ce3d0403', 'hex');
    other[sound.lastIndexOf(algorithm) + algorithm.length] = 0x03;
    const evidence = new Evidence(host, 443, nodeCertificate([derOf('leaf'), other, derOf('root')]));
    expect(walk(evidence).end?.reason).to.contain('cannot be read');
  });

  it('ends where the next thing shown is no certificate', () => {
    for (const junk of [Buffer.from('junk'), unsignedCertificate()]) {
      const evidence = new Evidence(host, 443, nodeCertificate([derOf('leaf'), junk]));
      expect(walk(evidence)).to.deep.include({ reached: 0 });
      expect(walk(evidence).end?.reason).to.contain('cannot be read');
    }
  });

  it('says until when every issuer is valid: the issuer that ends first counts', () => {
    const evidence = new Evidence(
      host,
      443,
      nodeCertificate(['leaf of the shared CA', 'expired issuer', 'root'].map(derOf)),
    );
    const { steps } = walkPath(evidence, new LinkCache(), Date.UTC(2026, 5, 1));
    expect(steps.map((step) => step.validUntil)).to.deep.equal(
      [1, 2].map(() => Date.UTC(2026, 5, 30, 23, 59, 59)),
    );
  });

  it('takes an issuer to the last instant of its dates, and not one later', () => {
    const evidence = evidenceOf('without root');
    expect(walk(evidence, lastSecond).reached).to.equal(2);
    expect(walk(evidence, lastSecond + 1).reached).to.equal(0);
    expect(walk(evidence, Date.UTC(2026, 0, 1)).reached).to.equal(2);
    expect(walk(evidence, Date.UTC(2026, 0, 1) - 1).reached).to.equal(0);
  });
});

describe('remembered links', () => {
  it('answer as the first time, and never outlive a date', () => {
    const links = new LinkCache();
    for (const chain of ['without root', 'issuer for mail only', 'no CA bit, straight']) {
      const [first, second] = [0, 1].map(() => walk(evidenceOf(chain), testTime, links));
      expect(second, chain).to.deep.equal(first);
      expect(check(links, chain)).to.equal(check(links, chain));
    }
    expect(walk(evidenceOf('without root'), testTime, links).reached).to.equal(2);
    expect(walk(evidenceOf('without root'), lastSecond + 1, links).reached).to.equal(0);
  });

  it('are forgotten when one of the two certificates has ended', () => {
    const links = new LinkCache();
    const ended = Date.UTC(2026, 5, 30, 23, 59, 59);
    expect(check(links, 'expired issuer', 0, ended)).to.include({ sound: true });
    expect(links.size).to.equal(1);
    expect(check(links, 'expired issuer', 0, ended + 1)).to.include({ sound: true });
    expect(links.size).to.equal(0);
  });

  it('are told apart by whole certificates, not by names or keys', () => {
    const links = new LinkCache();
    const twins = ['issuer for servers', 'issuer for mail only', 'issuer with an unknown critical extension'];
    const sound = twins.map((chain) => check(links, chain).sound);
    expect(sound).to.deep.equal([true, false, false]);
  });

  it('do not exist behind the last certificate', () => {
    expect(() => check(new LinkCache(), 'lone', 9)).to.throw(DerError);
    expect(() => check(new LinkCache(), 'without root', 2)).to.throw(DerError);
  });
});
