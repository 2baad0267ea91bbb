import { expect } from 'chai';
import { isLoopback } from '#src/providers/loopback.js';

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
