import { expect } from 'chai';
import { DerError, readElement } from '#src/pin/der.js';
import {
  type GeneralName,
  keepConstraints,
  type NameConstraints,
  readGeneralNames,
  readNameConstraints,
  subjectNames,
} from '#src/verify/general-names.js';
import * as der from '../support/der.js';

const name = (tag: number, content: string | Buffer): GeneralName => ({ tag, content: Buffer.from(content) });
const dns = (text: string): GeneralName => name(0x82, text);
const address = (hex: string): GeneralName => name(0x87, Buffer.from(hex, 'hex'));
const subject = (text: string): GeneralName => name(0xa4, text);
const email = name(0x81, 'who@example.test');
const uri = name(0x86, 'https://example.test/');

const permits = (...permitted: GeneralName[]): NameConstraints => ({ permitted, excluded: [] });
const excludes = (...excluded: GeneralName[]): NameConstraints => ({ permitted: [], excluded });
const keeps = (constraints: NameConstraints, ...leaf: GeneralName[]): boolean =>
  keepConstraints([leaf], constraints);

describe('name constraints that permit', () => {
  it('a domain are kept by that name and all below it', () => {
    const constraints = permits(dns('Example.test'));
    for (const host of ['example.test', 'API.example.test', 'a.b.example.test', '*.example.test'])
      expect(keeps(constraints, dns(host)), host).to.equal(true);
    for (const host of ['badexample.test', 'example.test.evil', 'test', '*.test', 'other.test'])
      expect(keeps(constraints, dns(host)), host).to.equal(false);
  });

  it('with a leading dot mean names below', () => {
    expect(keeps(permits(dns('.example.test')), dns('api.example.test'))).to.equal(true);
    expect(keeps(permits(dns('.example.test')), dns('example.test'))).to.equal(false);
  });

  it('the empty name permit every name', () => {
    expect(keeps(permits(dns('')), dns('anything.test'))).to.equal(true);
  });

  it('more than one domain are kept by names in either, and by no other name beside', () => {
    const constraints = permits(dns('a.test'), dns('b.test'));
    expect(keeps(constraints, dns('a.test'), dns('x.b.test'))).to.equal(true);
    expect(keeps(constraints, dns('a.test'), dns('c.test'))).to.equal(false);
  });

  it('a domain are not kept by a leaf without a DNS name, whatever the CAs above it are called', () => {
    const constraints = permits(dns('example.test'));
    expect(keeps(constraints, subject('CN'))).to.equal(false);
    expect(keepConstraints([[subject('CN')], [dns('example.test')]], constraints)).to.equal(false);
    expect(keepConstraints([], constraints)).to.equal(false);
  });

  it('and names that are too many to compare count as not kept', () => {
    const below = (count: number) => [Array.from({ length: count }, () => dns('a.example.test'))];
    expect(keepConstraints(below(10_000), permits(dns('example.test')))).to.equal(true);
    expect(keepConstraints(below(10_001), permits(dns('example.test')))).to.equal(false);
  });

  it('bind the CAs between as well', () => {
    const below = [[dns('example.test'), subject('ab')], [subject('ac')]];
    expect(keepConstraints(below, permits(subject('a')))).to.equal(true);
    expect(keepConstraints(below, permits(subject('ab')))).to.equal(false);
  });

  it('addresses are kept under the mask, in the same family', () => {
    const constraints = permits(address('0a000000ff000000'));
    expect(keeps(constraints, address('0a010203'))).to.equal(true);
    expect(keeps(constraints, address('0b010203'))).to.equal(false);
    expect(keeps(constraints, address('0a'.repeat(16)))).to.equal(false);
    expect(
      keeps(
        permits(address('20010db8'.padEnd(32, '0') + 'ffffffff'.padEnd(32, '0'))),
        address('20010db8'.padEnd(32, '1')),
      ),
    ).to.equal(true);
  });

  it('a kind of name that is not compared are kept only without such a name', () => {
    for (const other of [email, uri]) {
      expect(keeps(permits(other), dns('example.test'))).to.equal(true);
      expect(keeps(permits(other), other)).to.equal(false);
    }
  });
});

describe('name constraints that exclude', () => {
  it('a domain are broken by that name and all below it', () => {
    const constraints = excludes(dns('bad.example.test'));
    expect(keeps(constraints, dns('good.example.test'))).to.equal(true);
    for (const host of ['bad.example.test', 'BAD.example.test.', 'x.bad.example.test'])
      expect(keeps(constraints, dns(host)), host).to.equal(false);
  });

  it('a domain are broken by a wildcard that stands for it', () => {
    expect(keeps(excludes(dns('bad.example.test')), dns('*.example.test'))).to.equal(false);
    expect(keeps(excludes(dns('bad.example.test')), dns('*.other.test'))).to.equal(true);
  });

  it('addresses are broken under the mask, and by what cannot be compared', () => {
    const constraints = excludes(address('0a000000ff000000'));
    expect(keeps(constraints, address('0b010203'))).to.equal(true);
    expect(keeps(constraints, address('0a'.repeat(16)))).to.equal(true);
    expect(keeps(constraints, address('0a010203'))).to.equal(false);
    expect(keeps(constraints, address('0a01'))).to.equal(false);
    expect(keeps(excludes(address('0a0000')), address('0b010203'))).to.equal(false);
  });

  it('any other kind of name are broken by every name of that kind', () => {
    for (const other of [subject('O'), email, uri]) {
      expect(keeps(excludes(other), dns('example.test'))).to.equal(true);
      expect(keeps(excludes(other), other.tag === 0xa4 ? subject('P') : other)).to.equal(false);
    }
  });
});

const element = (bytes: Buffer): [Buffer, ReturnType<typeof readElement>] => [
  bytes,
  readElement(bytes, 0, bytes.length),
];
const general = (tag: number, text: string): Buffer => der.hexElement(tag, Buffer.from(text).toString('hex'));

describe('names in a certificate', () => {
  it('are read from the alternative names, directory names without their wrapping', () => {
    const list = der.sequence(general(0x82, 'a.test'), der.tagged(0xa4, der.sequence(general(0x0c, 'x'))));
    expect(readGeneralNames(...element(der.tagged(0x04, list)))).to.deep.equal([
      dns('a.test'),
      { tag: 0xa4, content: general(0x0c, 'x') },
    ]);
  });

  it('are the subject too, and its e-mail address, unless it is empty', () => {
    expect(subjectNames(...element(der.sequence()))).to.deep.equal([]);
    const common = der.sequence(der.hexElement(0x06, '550403'), general(0x0c, 'x'));
    const mail = der.sequence(der.hexElement(0x06, '2a864886f70d010901'), general(0x16, 'a@b'));
    expect(subjectNames(...element(der.sequence(common))).map(({ tag }) => tag)).to.deep.equal([0xa4]);
    expect(subjectNames(...element(der.sequence(mail))).map(({ tag }) => tag)).to.deep.equal([0xa4, 0x81]);
  });
});

describe('the reader of name constraints', () => {
  const read = (...subtrees: Buffer[]): NameConstraints =>
    readNameConstraints(...element(der.tagged(0x04, der.sequence(...subtrees))));

  it('tells permitted from excluded', () => {
    const bases = [der.sequence(general(0x82, 'a')), der.sequence(general(0x82, 'b'))];
    expect(
      read(der.tagged(0xa0, ...bases), der.tagged(0xa1, der.sequence(general(0x82, 'c')))),
    ).to.deep.equal({
      permitted: [dns('a'), dns('b')],
      excluded: [dns('c')],
    });
    expect(read()).to.deep.equal({ permitted: [], excluded: [] });
  });

  it('refuses a base with a range, no base, and what is neither', () => {
    for (const bytes of [
      der.tagged(0xa0, der.sequence(general(0x82, 'a'), der.hexElement(0x80, '00'))),
      der.tagged(0xa0, der.sequence()),
      der.tagged(0xa2, der.sequence(general(0x82, 'a'))),
    ]) {
      expect(() => read(bytes)).to.throw(DerError);
    }
  });
});
