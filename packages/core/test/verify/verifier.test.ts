import { expect } from 'chai';
import { DerError } from '#src/pin/der.js';
import { decodeDocument } from '#src/policy/decode.js';
import { type PinRule, Policy } from '#src/policy/policy.js';
import { Evidence } from '#src/verify/evidence.js';
import { LinkCache } from '#src/verify/link.js';
import { findRevoked, type Match, matchPins, type NoMatch } from '#src/verify/verifier.js';
import {
  derOf,
  evidenceOf,
  fingerprintOf,
  host,
  nodeCertificate,
  pinOf,
  testTime,
} from '../support/chains.js';

const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const chainEnd = Date.UTC(2099, 11, 31, 23, 59, 59);

function ruleOf(value: string): PinRule {
  const rule = new Policy(decodeDocument({ [host]: value })).lookup(host, 443);
  if (rule.kind !== 'pins') throw new Error(`the rule is ${rule.kind}`);
  return rule;
}

function match(value: string, chain = 'without root', now = testTime): Match | NoMatch {
  return matchPins(ruleOf(value), evidenceOf(chain), new LinkCache(), now);
}

describe('a pin', () => {
  it('matches the key of the leaf', () => {
    for (const role of ['', 'leaf:']) {
      const pin = `${role}${pinOf('leaf')}`;
      const found = match(`${other} ${pin}`);
      expect(found).to.deep.include({ matched: true, chainIndex: 0, validUntil: chainEnd });
      expect(found.matched && found.entry.pin).to.equal(pin);
    }
  });

  it('matches the whole certificate of the leaf, and no other certificate', () => {
    expect(match(`cert-sha256:${fingerprintOf('leaf')}`)).to.include({ matched: true, chainIndex: 0 });
    expect(match(`cert-sha256:${fingerprintOf('intermediate')}`)).to.include({ code: 'ERR_PIN_MISMATCH' });
  });

  it('matches the key of a CA on the path', () => {
    for (const role of ['', 'ca:']) {
      expect(match(`${role}${pinOf('intermediate')}`)).to.include({ matched: true, chainIndex: 1 });
      expect(match(`${role}${pinOf('root')}`)).to.include({ matched: true, chainIndex: 2 });
    }
  });

  it('with leaf: matches no CA, and with ca: no leaf', () => {
    expect(match(`leaf:${pinOf('root')}`)).to.include({ matched: false, code: 'ERR_PIN_MISMATCH' });
    expect(match(`ca:${pinOf('leaf')}`)).to.include({ matched: false, code: 'ERR_PIN_MISMATCH' });
  });

  it('of nothing in the chain is a mismatch', () => {
    expect(match(other)).to.include({ matched: false, code: 'ERR_PIN_MISMATCH' });
    expect(match(`leaf:${other}`)).to.include({ matched: false, code: 'ERR_PIN_MISMATCH' });
  });

  it('of a CA that no sound path leads to is told apart from one that is not there', () => {
    for (const chain of [
      'issuer for mail only',
      'expired issuer',
      'issuer with an unknown critical extension',
    ]) {
      const found = match(`ca:${pinOf('root')}`, chain);
      expect(found, chain).to.include({ matched: false, code: 'ERR_PIN_CHAIN_UNVERIFIED' });
    }
  });

  it('of another CA is a mismatch under a path up to a root, and untold where there is no such path', () => {
    const answer = (chain: string): Match | NoMatch => match(`ca:${other}`, chain);
    for (const chain of ['without root', 'with root', 'lone', 'old root before the new one'])
      expect(answer(chain), chain).to.include({ matched: false, code: 'ERR_PIN_MISMATCH' });
    for (const chain of ['expired issuer', 'unordered with root', 'trusted but not self-signed'])
      expect(answer(chain), chain).to.include({ matched: false, code: 'ERR_PIN_CHAIN_UNVERIFIED' });
    // A leaf pin needs no path, so that its absence explains nothing.
    expect(match(`leaf:${other}`, 'unordered with root')).to.include({ code: 'ERR_PIN_MISMATCH' });
  });

  it('of a CA is told what to do where Node stops short, and where a link is broken', () => {
    const reason = (chain: string): string => {
      const found = match(`ca:${other}`, chain);
      return found.matched ? '' : found.reason;
    };
    expect(reason('unordered with root')).to.contain('certificate 1').and.to.contain('right after');
    expect(reason('expired issuer')).to.contain('certificate 0').and.to.contain('expired');
    const lonely = new Evidence(host, 443, nodeCertificate([derOf('leaf')]));
    const found = matchPins(ruleOf(`ca:${other}`), lonely, new LinkCache(), testTime);
    expect(found.matched ? '' : found.reason).to.contain('certificate 0');
  });

  it('of a CA with name constraints matches where all below keeps them, and nothing above it does', () => {
    const chain = 'issuer with name constraints that are kept';
    expect(match(`ca:${pinOf(chain)}`, chain)).to.include({ matched: true, chainIndex: 1 });
    expect(match(`ca:${pinOf('path root')}`, chain)).to.include({ code: 'ERR_PIN_CHAIN_UNVERIFIED' });
    const broken = 'issuer with name constraints';
    expect(match(`ca:${pinOf(broken)}`, broken)).to.include({ code: 'ERR_PIN_CHAIN_UNVERIFIED' });
  });

  it('of the leaf matches whatever stands above it', () => {
    for (const chain of ['expired issuer', 'issuer for mail only']) {
      expect(match(pinOf('leaf of the shared CA'), chain)).to.include({ matched: true, chainIndex: 0 });
    }
    expect(match(pinOf('leaf of eleven'), 'eleven certificates')).to.include({ matched: true });
  });

  it('cannot save a leaf that has expired', () => {
    expect(match(pinOf('leaf'), 'without root', chainEnd)).to.include({ matched: true });
    expect(match(pinOf('leaf'), 'without root', chainEnd + 1)).to.include({
      matched: false,
      code: 'ERR_PIN_MISMATCH',
    });
  });
});

describe('a pin with until=', () => {
  const until = Date.parse('2027-06-30T23:59:59.999Z');

  for (const name of ['leaf', 'root']) {
    it(`of the ${name} counts up to that instant, and says so`, () => {
      const value = `${pinOf(name)} until=2027-06-30`;
      expect(match(value, 'without root', until)).to.include({ matched: true, validUntil: until });
      expect(match(value, 'without root', until + 1)).to.include({ matched: false, code: 'ERR_PIN_EXPIRED' });
    });
  }

  it('of a whole certificate counts up to that instant', () => {
    const value = `cert-sha256:${fingerprintOf('leaf')} until=2027-06-30`;
    expect(match(value, 'without root', until)).to.include({ matched: true, validUntil: until });
    expect(match(value, 'without root', until + 1)).to.include({ code: 'ERR_PIN_EXPIRED' });
  });

  it('that is over leaves a mismatch where another pin still counts', () => {
    const rule = new Policy(
      decodeDocument({ [host]: `${pinOf('leaf')} until=2027-06-30`, [`${host}#next`]: other }),
    ).lookup(host, 443) as PinRule;
    const found = matchPins(rule, evidenceOf('without root'), new LinkCache(), until + 1);
    expect(found).to.include({ matched: false, code: 'ERR_PIN_MISMATCH' });
  });

  it('that is over does not explain a broken path', () => {
    const rule = new Policy(
      decodeDocument({ [host]: `ca:${pinOf('root')} until=2027-06-30`, [`${host}#next`]: `leaf:${other}` }),
    ).lookup(host, 443) as PinRule;
    const found = matchPins(rule, evidenceOf('issuer for mail only'), new LinkCache(), until + 1);
    expect(found).to.include({ matched: false, code: 'ERR_PIN_MISMATCH' });
  });
});

describe('a certificate that cannot be read', () => {
  it('is a DerError, never a match', () => {
    const evidence = new Evidence(host, 443, nodeCertificate([Buffer.from('junk')]));
    expect(() => matchPins(ruleOf(other), evidence, new LinkCache(), testTime)).to.throw(DerError);
  });

  it('above the leaf does not hide a pin of the leaf', () => {
    const evidence = new Evidence(host, 443, nodeCertificate([derOf('leaf'), Buffer.from('junk')]));
    expect(matchPins(ruleOf(pinOf('leaf')), evidence, new LinkCache(), testTime)).to.include({
      matched: true,
    });
    expect(() => matchPins(ruleOf(`ca:${other}`), evidence, new LinkCache(), testTime)).to.throw(DerError);
  });
});

describe('a revoked key', () => {
  const found = (revoked: string, chain = 'without root'): number | undefined =>
    findRevoked(new Policy(decodeDocument({ [host]: 'none', $revoked: revoked })), evidenceOf(chain));

  it('is found in the leaf', () => {
    expect(found(pinOf('leaf'))).to.equal(0);
    expect(found(`ca:${pinOf('leaf')}`)).to.equal(0);
    expect(found(`cert-sha256:${fingerprintOf('leaf')}`)).to.equal(0);
  });

  it('is found above the leaf where it was revoked with ca:, also where no path leads there', () => {
    expect(found(`ca:${pinOf('intermediate')}`)).to.equal(1);
    expect(found(`ca:${pinOf('root')}`)).to.equal(2);
    expect(found(`ca:${pinOf('root')}`, 'issuer for mail only')).to.equal(2);
  });

  it('without ca: does not concern the certificates above the leaf', () => {
    expect(found(pinOf('root'))).to.equal(undefined);
    expect(found(`cert-sha256:${fingerprintOf('root')}`)).to.equal(undefined);
  });

  it('of somebody else is not found', () => {
    expect(found(`${other} ca:${other} cert-sha256:${'ab'.repeat(32)}`)).to.equal(undefined);
    expect(findRevoked(new Policy(decodeDocument({ [host]: 'none' })), evidenceOf('lone'))).to.equal(
      undefined,
    );
  });
});
