import { createSecureContext } from 'node:tls';
import { expect } from 'chai';
import { SessionKeys } from '#src/session-key.js';

const target = { host: 'api.example.test', port: 443 };
const long = 'x'.repeat(5_000);

/** Options that ask for different handshakes, each with a twin that asks for the same. */
const kinds: readonly [string, () => object][] = [
  ['nothing', () => ({})],
  ['a CA', () => ({ ca: 'A' })],
  ['another CA', () => ({ ca: 'B' })],
  ['a CA in a list', () => ({ ca: ['A'] })],
  ['two CAs', () => ({ ca: ['A', 'B'] })],
  ['two CAs in one text', () => ({ ca: ['A,B'] })],
  ['a CA as bytes', () => ({ ca: Buffer.from('A') })],
  ['other bytes', () => ({ ca: Buffer.from('B') })],
  ['a long CA', () => ({ ca: long })],
  ['another long CA', () => ({ ca: `${long.slice(1)}y` })],
  ['a client certificate', () => ({ cert: 'A', key: 'K' })],
  ['its parts elsewhere', () => ({ cert: 'AK' })],
  ['another key', () => ({ cert: 'A', key: 'L' })],
  ['a key in a list', () => ({ key: [{ pem: 'K' }] })],
  ['another key in a list', () => ({ key: [{ pem: 'L' }] })],
  ['a PFX', () => ({ pfx: [{ buf: Buffer.from('P'), passphrase: 'p' }] })],
  ['another PFX', () => ({ pfx: [{ buf: Buffer.from('Q'), passphrase: 'p' }] })],
  ['another passphrase', () => ({ pfx: [{ buf: Buffer.from('P'), passphrase: 'q' }] })],
  ['a partial chain', () => ({ allowPartialTrustChain: true })],
  ['a CRL', () => ({ crl: 'A' })],
  ['an empty servername', () => ({ servername: '' })],
  ['a servername', () => ({ servername: 'a.example.test' })],
  ['a version', () => ({ minVersion: 'TLSv1.3' })],
  ['a host that is dialled', () => ({ host: '10.0.0.1' })],
  ['a port', () => ({ port: 443 })],
  ['a port as text', () => ({ port: '443' })],
];

describe('the name under which sessions are kept', () => {
  it('differs wherever a full handshake could say something else, and is the same where it could not', () => {
    const keys = new SessionKeys();
    const seen = new Map<string | undefined, string>();
    for (const [kind, make] of kinds) {
      const key = keys.of(target, make());
      expect(key, kind).to.be.a('string');
      expect(keys.of(target, make()), kind).to.equal(key);
      expect(seen.get(key), kind).to.equal(undefined);
      seen.set(key, kind);
    }
  });

  it('sees bytes and lists that were changed in place', () => {
    const keys = new SessionKeys();
    const ca = [Buffer.from('A')];
    const key = keys.of(target, { ca });
    ca[0]?.write('B');
    expect(keys.of(target, { ca })).not.to.equal(key);
    ca.push(Buffer.from('C'));
    expect(keys.of(target, { ca })).not.to.equal(keys.of(target, { ca: [Buffer.from('B')] }));
  });

  it('differs with the host and the port that are judged', () => {
    const keys = new SessionKeys();
    const names = [target, { ...target, port: 8443 }, { ...target, host: 'other.example.test' }].map((each) =>
      keys.of(each, {}),
    );
    expect(new Set(names).size).to.equal(3);
  });

  it('knows a secure context by itself', () => {
    const keys = new SessionKeys();
    const [first, second] = [createSecureContext(), createSecureContext()];
    const name = keys.of(target, { secureContext: first } as object);
    expect(keys.of(target, { secureContext: first } as object)).to.equal(name);
    expect(keys.of(target, { secureContext: second } as object)).not.to.equal(name);
    expect(keys.of(target, {})).not.to.equal(name);
  });

  it('does not exist for what cannot be told apart', () => {
    const keys = new SessionKeys();
    for (const ca of [() => 'A', Symbol('A'), new URL('https://a.test'), [new Date(0)]])
      expect(keys.of(target, { ca } as object)).to.equal(undefined);
  });

  it('holds no secret', () => {
    const key = new SessionKeys().of(target, { key: 'PRIVATE', passphrase: 'secret' });
    expect(key).to.match(/^[A-Za-z0-9+/]{43}=$/);
  });
});
