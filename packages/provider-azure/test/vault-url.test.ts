import { expect } from 'chai';
import { parseVaultUrl, vaultNameOf } from '#src/vault-url.js';

describe('parseVaultUrl', () => {
  it('reads scheme, host and port', () => {
    for (const [text, href] of [
      ['https://pins.vault.azure.net', 'https://pins.vault.azure.net/'],
      ['https://pins.vault.azure.net/', 'https://pins.vault.azure.net/'],
      ['https://localhost:8444', 'https://localhost:8444/'],
      ['http://127.0.0.1:8444', 'http://127.0.0.1:8444/'],
    ] as const)
      expect(parseVaultUrl(text)).to.be.an.instanceof(URL).and.to.have.property('href', href);
  });

  for (const [text, problem] of [
    ['', 'address'],
    ['pins', 'address'],
    [undefined, 'address'],
    [8444, 'address'],
    ['pins.vault.azure.net:443', 'https://'],
    ['ftp://pins.vault.azure.net', 'https://'],
    ['https://user:s3cret@pins.vault.azure.net', 'user name'],
    ['https://pins.vault.azure.net?code=s3cret', 'query'],
    ['https://pins.vault.azure.net/#s3cret', 'query'],
    ['https://pins.vault.azure.net/secrets/tls-pins', 'secretName'],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}, and does not repeat it`, () => {
      const result = parseVaultUrl(text);
      expect(result).not.to.be.an.instanceof(URL);
      expect((result as { problem: string }).problem)
        .to.contain(problem)
        .and.not.to.contain('s3cret');
    });
  }
});

describe('vaultNameOf', () => {
  it('is what the az command takes, in every cloud', () => {
    for (const [host, name] of [
      ['pins.vault.azure.net', 'pins'],
      ['pins-eu.vault.azure.cn', 'pins-eu'],
      ['pins.vault.usgovcloudapi.net', 'pins'],
      ['localhost:8444', 'NAME'],
    ] as const)
      expect(vaultNameOf(host)).to.equal(name);
  });
});
