import { expect } from 'chai';
import { DerError } from '#src/pin/der.js';
import { LinkCache } from '#src/verify/link.js';
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
  let reached = 0;
  const steps = walkPath(evidence, links, now);
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) reached = step.value.index;
  return { reached, end: step.value };
}

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
    ['issuer with name constraints', 1, 'name constraints'],
    ['issuer signed with SHA-1', 1, 'weak'],
    ['path length exceeded', 1, 'path length'],
    ['eleven certificates', 9, 'longer'],
  ] as const) {
    it(`ends at ${reached} in the chain "${chain}"`, () => {
      const { reached: last, end } = walk(evidenceOf(chain));
      expect(last).to.equal(reached);
      expect(end?.index).to.equal(reached);
      expect(end?.reason).to.contain(word);
    });
  }

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
    const steps = [...walkPath(evidence, new LinkCache(), Date.UTC(2026, 5, 1))];
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
    for (const chain of ['without root', 'issuer for mail only', 'no CA bit, straight', 'expired issuer']) {
      const [first, second] = [0, 1].map(() => walk(evidenceOf(chain), testTime, links));
      expect(second, chain).to.deep.equal(first);
      expect(links.check(evidenceOf(chain), 0)).to.equal(links.check(evidenceOf(chain), 0));
    }
    expect(walk(evidenceOf('without root'), testTime, links).reached).to.equal(2);
    expect(walk(evidenceOf('without root'), lastSecond + 1, links).reached).to.equal(0);
  });

  it('are told apart by whole certificates, not by names or keys', () => {
    const links = new LinkCache();
    const twins = ['issuer for servers', 'issuer for mail only', 'issuer with an unknown critical extension'];
    const sound = twins.map((chain) => links.check(evidenceOf(chain), 0).sound);
    expect(sound).to.deep.equal([true, false, false]);
  });

  it('do not exist behind the last certificate', () => {
    expect(() => new LinkCache().check(evidenceOf('lone'), 9)).to.throw(DerError);
    expect(() => new LinkCache().check(evidenceOf('without root'), 2)).to.throw(DerError);
  });
});
