import { expect } from 'chai';
import * as fc from 'fast-check';
import { HostSyntaxError, normaliseHost, parseTarget, splitPort } from '#src/policy/host.js';

describe('a host', () => {
  for (const [written, canonical] of [
    ['api.example.com', 'api.example.com'],
    ['Api.Example.COM.', 'api.example.com'],
    ['localhost', 'localhost'],
    ['my_service', 'my_service'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['api\uff0eexample\uff61com', 'api.example.com'],
    ['a'.repeat(63), 'a'.repeat(63)],
    ['10.0.0.1', '10.0.0.1'],
    ['[::1]', '::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ] as const) {
    it(`${written} is ${canonical}`, () => {
      expect(normaliseHost(written)).to.equal(canonical);
    });
  }

  for (const [title, host] of [
    ['empty', ''],
    ['a dot alone', '.'],
    ['a dot at the beginning', '.example.com'],
    ['two dots', 'a..b'],
    ['two dots of another script', 'a\u3002\u3002b'],
    ['two dots at the end', 'a.b..'],
    ['a space', 'a b'],
    ['a NUL', 'a\0.b'],
    ['a zero width space', 'a\u200bb'],
    ['a slash', 'a/b'],
    ['a percent sign', 'ex%61mple.com'],
    ['a URL', 'https://a.b'],
    ['an address with one number left out', '127.1'],
    ['an address in hexadecimal', '0x7f.0.0.1'],
    ['an address with a leading zero', '127.0.0.01'],
    ['an address in full-width digits', '１２７.0.0.1'],
    ['a number at the end', 'example.123'],
    ['an address with a dot behind', '127.0.0.1.'],
    ['an address with a zone', 'fe80::1%eth0'],
    ['a label of 64 characters', `${'a'.repeat(64)}.test`],
    ['more than 253 characters', `${'a.'.repeat(130)}test`],
    ['more than 253 characters, with capitals', `${'A.'.repeat(130)}test`],
    ['a combining mark at the beginning', '\u0301a'],
    ['two dots beside a label that IDNA refuses', '\u0301a..b'],
    ['an asterisk', '*.example.com'],
    ['an apostrophe', "o'neill.test"],
  ] as const) {
    it(`${title} is refused`, () => {
      expect(() => normaliseHost(host)).to.throw(HostSyntaxError);
    });
  }

  it('may have 253 characters, and a dot behind', () => {
    const longest = `${'a.'.repeat(124)}abcde`;
    expect(longest).to.have.length(253);
    expect(normaliseHost(longest)).to.equal(longest);
    expect(normaliseHost(`${longest.toUpperCase()}.`)).to.equal(longest);
    expect(() => normaliseHost(`${longest}f`)).to.throw(HostSyntaxError);
    expect(() => normaliseHost(`${longest.toUpperCase()}F`)).to.throw(HostSyntaxError);
  });

  it('says what is wrong with it, safe to print', () => {
    const error = ((): unknown => {
      try {
        return normaliseHost('a\u202eb.test');
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).to.be.an.instanceof(HostSyntaxError);
    expect((error as HostSyntaxError).problem).to.contain('U+202E');
    expect((error as HostSyntaxError).message).not.to.contain('\u202e');
  });

  it('stays the same when it is normalised again, and nothing else is thrown, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.domain(),
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom('a', 'B', '1', '.', '-', '_', ':', '[', ']', 'ü', 'ß', '。') }),
    );
    fc.assert(
      fc.property(text, (host) => {
        let once: string;
        try {
          once = normaliseHost(host);
        } catch (error) {
          expect(error).to.be.an.instanceof(HostSyntaxError);
          return;
        }
        expect(normaliseHost(once)).to.equal(once);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a target', () => {
  for (const [text, target] of [
    ['api.test', { host: 'api.test' }],
    ['API.test:8443', { host: 'api.test', port: 8443 }],
    ['10.0.0.1:443', { host: '10.0.0.1', port: 443 }],
    ['::1', { host: '::1' }],
    ['[::1]', { host: '::1' }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
  ] as const) {
    it(`is read from ${text}`, () => {
      expect(parseTarget(text)).to.deep.equal(target);
    });
  }

  for (const text of ['a.test:', 'a.test:0', 'a.test:65536', 'a.test:08', 'a.test:x', 'a.test:-1', ':443']) {
    it(`is not read from ${text}`, () => {
      expect(() => parseTarget(text)).to.throw(HostSyntaxError);
    });
  }

  it('without brackets round an IPv6 address has no port', () => {
    expect(splitPort('2001:db8::1:8443')).to.deep.equal({ host: '2001:db8::1:8443' });
  });
});
