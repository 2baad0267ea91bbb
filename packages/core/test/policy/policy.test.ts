import { expect } from 'chai';
import { decodeDocument } from '#src/policy/decode.js';
import { type PinRule, Policy } from '#src/policy/policy.js';

const one = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const two = 'sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=';
const hex = 'ab'.repeat(32);
const [digestOne, digestTwo] = [one.slice(7), two.slice(7)];

function ruleFor(document: object): PinRule {
  const rule = new Policy(decodeDocument(document)).lookup('a.test', undefined);
  if (rule.kind !== 'pins') throw new Error(`the rule is ${rule.kind}`);
  return rule;
}

describe('a policy', () => {
  it('sorts pins by what they may match', () => {
    const rule = ruleFor({ 'a.test': `${one} ca:${two} cert-sha256:${hex}` });
    expect([...rule.leafKeys.keys()]).to.deep.equal([digestOne]);
    expect([...rule.caKeys.keys()]).to.have.members([digestOne, digestTwo]);
    expect([...rule.leafCertificates.keys()]).to.deep.equal([hex]);
    expect([...ruleFor({ 'a.test': `leaf:${one}` }).caKeys.keys()]).to.deep.equal([]);
  });

  it('counts the pins of all rows of a host together', () => {
    const rule = ruleFor({ 'a.test': one, 'a.test#next': two });
    expect([...rule.leafKeys.keys()]).to.have.members([digestOne, digestTwo]);
  });

  it('lets one pin in two rows count as long as the longer of them says', () => {
    const [early, late] = [`${one} until=2027-01-01`, `${one} until=2028-01-01`];
    for (const rows of [
      { 'a.test': early, 'a.test#x': late },
      { 'a.test': late, 'a.test#x': early },
    ]) {
      expect(ruleFor(rows).leafKeys.get(digestOne)?.until).to.equal(Date.parse('2028-01-01T23:59:59.999Z'));
    }
    for (const rows of [
      { 'a.test': early, 'a.test#x': one },
      { 'a.test': one, 'a.test#x': early },
    ]) {
      expect(ruleFor(rows).leafKeys.get(digestOne)?.until).to.equal(undefined);
    }
  });

  for (const [modes, mode] of [
    [['', ''], 'enforce'],
    [['mode=report', ''], 'report'],
    [['mode=report', 'mode=report'], 'report'],
    [['mode=report', 'mode=enforce'], 'enforce'],
    [['', 'mode=enforce'], 'enforce'],
  ] as const) {
    it(`of rows with ${JSON.stringify(modes)} says ${mode}`, () => {
      const rule = ruleFor({ 'a.test': `${one} ${modes[0]}`, 'a.test#x': `${two} ${modes[1]}` });
      expect(rule.mode).to.equal(mode);
    });
  }

  it('never lets a bad row fall through to a wider key', () => {
    const policy = new Policy(decodeDocument({ 'a.test': 'nonsense', '**.test': one, '*': 'none' }));
    expect(policy.lookup('a.test', undefined)).to.include({ kind: 'quarantined', pattern: 'a.test' });
    expect(policy.lookup('b.test', undefined)).to.include({ kind: 'pins', pattern: '**.test' });
    expect(policy.lookup('other', undefined)).to.deep.equal({ kind: 'none', pattern: '*' });
  });

  it('lets a host with a good and a bad row live on the good one', () => {
    expect(ruleFor({ 'a.test': one, 'a.test#x': 'nonsense' }).pins).to.have.length(1);
  });

  it('takes the stricter side where kept rows stand beside new ones', () => {
    const document = decodeDocument({ 'a.test': one, 'b.test': 'none', 'c.test': 'block' });
    const [pins, none, block] = document.rows.map((row) => ({ ...row, pattern: 'a.test' }));
    if (pins === undefined || none === undefined || block === undefined) throw new Error('three rows');
    const kindOf = (...rows: (typeof pins)[]): string =>
      new Policy({ ...document, rows }).lookup('a.test', undefined).kind;
    expect(kindOf(pins, none)).to.equal('pins');
    expect(kindOf(none, pins, block)).to.equal('block');
    expect(kindOf(none, none)).to.equal('none');
  });

  it('says where only keys with a port fit', () => {
    const policy = new Policy(decodeDocument({ 'a.test:443': one }));
    expect(policy.lookup('a.test', undefined)).to.deep.equal({ kind: 'uncovered', needsPort: true });
    expect(policy.lookup('a.test', 8443)).to.deep.equal({ kind: 'uncovered', needsPort: false });
  });

  it('keeps revoked keys of leaves, of any certificate, and certificates apart', () => {
    const policy = new Policy(
      decodeDocument({ 'a.test': 'none', $revoked: `${one} ca:${two} cert-sha256:${hex}` }),
    );
    expect([...policy.revokedLeafKeys]).to.have.members([digestOne, digestTwo]);
    expect([...policy.revokedAnyKeys]).to.deep.equal([digestTwo]);
    expect([...policy.revokedCertificates]).to.deep.equal([hex]);
  });
});
