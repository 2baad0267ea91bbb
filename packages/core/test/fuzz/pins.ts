import { expect } from 'chai';
import * as fc from 'fast-check';
import { Pin, PinSyntaxError } from '#src/pin/pin.js';
import { digest, mutatedText, nastyText } from './arbitraries.js';
import { type Property, property } from './property.js';

const role = fc.constantFrom('', 'leaf:', 'ca:');

/** Every form of contract §3 in which the SHA-256 of a key may be written. */
function keyForms(base64: string): readonly string[] {
  const bytes = Buffer.from(base64, 'base64');
  const hex = bytes.toString('hex');
  const bare = [base64, base64.slice(0, -1), bytes.toString('base64url'), `${bytes.toString('base64url')}=`];
  return [
    ...bare,
    ...bare.flatMap((text) => [
      `sha256/${text}`,
      `sha256//${text}`,
      `pin-sha256="${text}"`,
      `pin-sha256=${text}`,
    ]),
    ...hexForms(hex).map((text) => `spki-sha256:${text}`),
  ];
}

function hexForms(hex: string): readonly string[] {
  const pairs = hex.match(/../gu) ?? [];
  return [hex, hex.toUpperCase(), pairs.join(':'), pairs.join(':').toUpperCase()];
}

/** What contract §3 reads in a text, put down naively: all readings of 32 bytes; `undefined` where there is not one. */
function readingOf(text: string): string | undefined {
  const [, written = '', body = ''] = /^((?:leaf:|ca:)?)(.*)$/su.exec(text) ?? [];
  const certificate = /^cert-sha256:([0-9a-f:]*)$/iu.exec(body)?.[1];
  if (body.startsWith('cert-sha256:')) {
    const hex = certificate?.replaceAll(':', '').toLowerCase();
    return hex?.length === 64 && hex !== nothing && written !== 'ca:' ? `cert-sha256:${hex}` : undefined;
  }
  if (body.startsWith('spki-sha256:')) {
    const hex = body.slice(12).replaceAll(':', '').toLowerCase();
    return /^[0-9a-f]{64}$/u.test(hex) && hex !== nothing
      ? `${written}sha256/${Buffer.from(hex, 'hex').toString('base64')}`
      : undefined;
  }
  const quoted = /^pin-sha256="(.*)"$/su.exec(body)?.[1];
  const stripped = ['sha256//', 'sha256/', 'pin-sha256='].filter((prefix) => body.startsWith(prefix));
  const bodies = stripped.map((prefix) => body.slice(prefix.length));
  if (quoted !== undefined) bodies.push(quoted);
  if (bodies.length === 0) bodies.push(body);
  const digests = new Set(bodies.map(bytesOf).filter((hex) => hex !== undefined));
  const [hex] = digests;
  if (digests.size !== 1 || hex === undefined || hex === nothing) return undefined;
  return `${written}sha256/${Buffer.from(hex, 'hex').toString('base64')}`;
}

/** Base64 or base64url of exactly 32 bytes, with its padding or without, as nothing but its own encoding. */
function bytesOf(text: string): string | undefined {
  const bytes = Buffer.from(text, 'base64');
  const plain = text.replaceAll('-', '+').replaceAll('_', '/');
  const own = bytes.toString('base64');
  return bytes.length === 32 && (plain === own || `${plain}=` === own) ? bytes.toString('hex') : undefined;
}

const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export const pinProperties: readonly Property[] = [
  property(
    'pin-forms',
    'a pin comes back from every form in which it can be written',
    100,
    fc.tuple(role, digest),
    ([written, base64]) => {
      for (const form of keyForms(base64))
        expect(Pin.parse(written + form).toString(), form).to.equal(`${written}sha256/${base64}`);
      const hex = Buffer.from(base64, 'base64').toString('hex');
      if (written === 'ca:') return;
      for (const form of hexForms(hex))
        expect(Pin.parse(`${written}cert-sha256:${form}`).toString()).to.equal(`cert-sha256:${hex}`);
    },
  ),
  property(
    'pin-text',
    'a text is the pin that the contract reads in it, or a PinSyntaxError',
    1_000,
    fc.oneof(
      mutatedText(
        fc
          .tuple(role, digest, fc.nat(23))
          .map(([written, base64, index]) => written + (keyForms(base64)[index] ?? '')),
      ),
      fc.tuple(role, nastyText).map(([written, text]) => written + text),
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.string({
        unit: fc.constantFrom(...Array.from('abcdef0123456789ABCDEF:')),
        minLength: 38,
        maxLength: 100,
      }),
      fc
        .tuple(
          fc.constantFrom('sha1/', 'md5/', 'sha256:', 'sha512-', 'SHA256/', 'sha3-256/', ''),
          fc.base64String({ maxLength: 100 }),
        )
        .map(([prefix, text]) => prefix + text),
    ),
    (text) => {
      let pin: Pin;
      try {
        pin = Pin.parse(text);
      } catch (error) {
        expect(error).to.be.an.instanceof(PinSyntaxError);
        expect(readingOf(text)).to.equal(undefined);
        return;
      }
      expect(pin.toString()).to.equal(readingOf(text));
      expect(Pin.parse(pin.toString()).equals(pin)).to.equal(true);
    },
  ),
];
