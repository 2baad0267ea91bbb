import { expect } from 'chai';
import { isLoopback, parseAddress } from '#src/connection/address.js';

describe('parseAddress', () => {
  it('reads scheme, host, port and a folder in front of the API', () => {
    for (const [text, href] of [
      ['https://vault.example.com:8200', 'https://vault.example.com:8200/'],
      ['http://127.0.0.1:8200/', 'http://127.0.0.1:8200/'],
      ['https://proxy.example.com/vault', 'https://proxy.example.com/vault'],
      ['https://[::1]:8200', 'https://[::1]:8200/'],
    ] as const) {
      expect(parseAddress(text)).to.be.an.instanceof(URL).and.to.have.property('href', href);
    }
  });

  const refused = [
    ['', 'address'],
    ['vault', 'address'],
    ['//vault.example.com', 'address'],
    ['https://', 'address'],
    ['vault.example.com:8200', 'https://'],
    ['unix:///run/vault.sock', 'https://'],
    ['ftp://vault.example.com', 'https://'],
    ['https://user:s3cret@vault.example.com', 'user name'],
    ['https://s3cret@vault.example.com', 'user name'],
    ['https://vault.example.com/?token=s3cret', 'query'],
    ['https://vault.example.com/#s3cret', 'query'],
    ['https://vault.example.com/v1', '/v1'],
    ['https://vault.example.com/v1/secret/data/tls-pins', '/v1'],
  ] as const;
  for (const [text, problem] of refused) {
    it(`refuses ${JSON.stringify(text)}, and does not repeat it`, () => {
      const result = parseAddress(text);
      expect(result).not.to.be.an.instanceof(URL);
      expect((result as { problem: string }).problem)
        .to.contain(problem)
        .and.not.to.contain('s3cret');
    });
  }

  it('does not take a folder that only begins like the API for the API', () => {
    expect(parseAddress('https://proxy.example.com/v1-vault')).to.be.an.instanceof(URL);
  });
});

describe('isLoopback', () => {
  it('knows this machine', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost'])
      expect(isLoopback(host), host).to.equal(true);
  });

  it('takes nothing else for it', () => {
    for (const host of [
      '128.0.0.1',
      '127.0.0.1.example.com',
      '127.example.com',
      'localhost.example.com',
      'notlocalhost',
      'vault.localhost',
      '0.0.0.0',
      '[::]',
      '[::ffff:7f00:1]',
      '',
    ])
      expect(isLoopback(host), host).to.equal(false);
  });

  it('sees through other spellings of an address, which the URL parser undoes', () => {
    for (const host of ['2130706433', '0x7f.1', '127.1'])
      expect(isLoopback(new URL(`http://${host}/`).hostname), host).to.equal(true);
  });
});
