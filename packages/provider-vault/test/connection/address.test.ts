import { expect } from 'chai';
import { parseAddress, parseNode } from '#src/connection/address.js';

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

describe('parseNode', () => {
  it('reads what parseAddress does, and names it by host and port', () => {
    const node = parseNode('https://vault.example.com:8200');
    expect(node).to.have.property('host', 'vault.example.com:8200');
    expect(node).not.to.have.property('socketPath');
    expect(parseNode('ftp://vault.example.com')).to.have.property('problem');
  });

  it('reads a socket of this machine', () => {
    const node = parseNode('unix:///run/vault agent.sock');
    expect(node).to.include({ socketPath: '/run/vault agent.sock', host: 'unix:/run/vault agent.sock' });
  });

  it('refuses a socket without a path of its own', () => {
    for (const text of ['unix://', 'unix://run/vault.sock'])
      expect(parseNode(text)).to.have.property('problem').that.contains('socket');
  });
});
