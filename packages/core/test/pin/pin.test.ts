import { expect } from 'chai';
import * as fc from 'fast-check';
import { Pin, PinSyntaxError } from '#src/pin/pin.js';
import { thrownBy } from '../support/errors.js';
import { derOf, pinOf } from '../support/chains.js';

const zero = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const hex = 'ab'.repeat(32);
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));

describe('a pin', () => {
  it('comes back from every form in which it can be written', () => {
    fc.assert(
      fc.property(digest, fc.constantFrom('', 'leaf:', 'ca:'), (bytes, role) => {
        const base64 = bytes.toString('base64');
        const canonical = `${role}sha256/${base64}`;
        const forms = [
          `sha256/${base64}`,
          `sha256/${base64.slice(0, -1)}`,
          `sha256//${base64}`,
          `sha256/${bytes.toString('base64url')}`,
          `pin-sha256="${base64}"`,
          `pin-sha256=${base64}`,
          `spki-sha256:${bytes.toString('hex')}`,
          `spki-sha256:${bytes.toString('hex').toUpperCase().match(/../gu)?.join(':')}`,
        ];
        for (const form of forms) {
          expect(Pin.parse(`${role}${form}`).toString(), form).to.equal(canonical);
        }
      }),
    );
  });

  it('is refused with one character less or more', () => {
    fc.assert(
      fc.property(digest, fc.nat(42), (bytes, at) => {
        const base64 = bytes.toString('base64').slice(0, 43);
        thrownBy(
          () => Pin.parse(`sha256/${base64.slice(0, at)}${base64.slice(at + 1)}`),
          PinSyntaxError,
          'ERR_PIN_SYNTAX',
        );
        thrownBy(
          () => Pin.parse(`sha256/${base64.slice(0, at)}AA${base64.slice(at)}`),
          PinSyntaxError,
          'ERR_PIN_SYNTAX',
        );
      }),
    );
  });

  it('throws nothing but PinSyntaxError, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.base64String(),
          digest.map((bytes) => bytes.toString('hex')),
        ),
        (text) => {
          try {
            expect(Pin.parse(Pin.parse(text).toString()).toString()).to.equal(Pin.parse(text).toString());
          } catch (error) {
            expect(error).to.be.an.instanceof(PinSyntaxError);
          }
        },
      ),
    );
  });

  it('knows what it may match', () => {
    expect(Pin.parse(`sha256/${zero}`)).to.include({ role: 'any', subject: 'spki', digest: zero });
    expect(Pin.parse(`leaf:sha256/${zero}`)).to.include({ role: 'leaf', subject: 'spki' });
    expect(Pin.parse(`ca:sha256/${zero}`)).to.include({ role: 'ca', subject: 'spki' });
    expect(Pin.parse(`cert-sha256:${hex}`)).to.include({ role: 'leaf', subject: 'certificate', digest: hex });
    expect(Pin.parse(`leaf:cert-sha256:${hex.toUpperCase()}`).toString()).to.equal(`cert-sha256:${hex}`);
  });

  it('of a whole certificate is never one of a CA', () => {
    const error = thrownBy(() => Pin.parse(`ca:cert-sha256:${hex}`), PinSyntaxError, 'ERR_PIN_SYNTAX');
    expect(error.problem).to.equal('bad-role');
  });

  it('equals another one of the same text only', () => {
    const pin = Pin.parse(`sha256/${zero}`);
    expect(pin.equals(Pin.parse(`pin-sha256="${zero}"`))).to.equal(true);
    expect(pin.equals(Pin.parse(`ca:sha256/${zero}`))).to.equal(false);
    expect(pin.equals(Pin.parse(`cert-sha256:${hex}`))).to.equal(false);
  });

  it('cannot be changed, and is its text in JSON', () => {
    const pin = Pin.parse(`ca:sha256/${zero}`);
    expect(Object.isFrozen(pin)).to.equal(true);
    expect(JSON.stringify([pin])).to.equal(`["ca:sha256/${zero}"]`);
  });

  it('is canonical in one form only', () => {
    expect(Pin.isCanonical(`sha256/${zero}`)).to.equal(true);
    for (const text of [
      zero,
      `ca:sha256/${zero}`,
      `sha256//${zero}`,
      `sha256/${zero.slice(0, 43)}`,
      `sha256/${zero.slice(1)}`,
      `sha256/_${zero.slice(1)}`,
      'sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    ]) {
      expect(Pin.isCanonical(text), text).to.equal(false);
    }
  });

  it('of 32 bytes is one whatever its first letters spell', () => {
    for (const start of ['sha1/', 'md5-', 'sha256_', 'SHA256/', 'sha3-']) {
      const bare = `${start}${'A'.repeat(43 - start.length)}`;
      const base64 = `${bare.replaceAll('-', '+').replaceAll('_', '/')}=`;
      expect(Pin.parse(bare).toString()).to.equal(`sha256/${base64}`);
    }
  });

  it('has its role in front', () => {
    for (const text of [`xca:sha256/${zero}`, `sha256/${zero}ca:`, `pin-sha256="${zero}"x`])
      thrownBy(() => Pin.parse(text), PinSyntaxError, 'ERR_PIN_SYNTAX');
  });

  it('is made from a certificate', () => {
    expect(Pin.ofCertificate(derOf('leaf'))).to.include({ role: 'any', subject: 'spki' });
    expect(Pin.ofCertificate(derOf('leaf')).toString()).to.equal(pinOf('leaf'));
    expect(Pin.ofCertificate(derOf('root'), 'ca').toString()).to.equal(`ca:${pinOf('root')}`);
  });
});

describe('a text that is no pin', () => {
  for (const [text, problem] of [
    ['', 'empty'],
    ['ca:', 'empty'],
    ['sha256/', 'bad-length'],
    [`SHA256/${zero}`, 'bad-form'],
    [`sha256=${zero}`, 'bad-form'],
    [`sha-256:${zero}`, 'bad-form'],
    [`pin-sha256/${zero}`, 'bad-form'],
    [`SHA256:${zero.slice(0, 43)}`, 'bad-form'],
    ['d41d8cd98f00b204e9800998ecf8427e', 'unsupported-algorithm'],
    ['0E:6C:54:4A:1B:19:B8:D8:AA:3D:0B:17:D8:E8:BD:BA:FD:AC:0A:7C', 'unsupported-algorithm'],
    ['sha1:0e6c544a1b19b8d8aa3d0b17d8e8bdbafdac0a7c', 'unsupported-algorithm'],
    [`sha384-${'A'.repeat(64)}`, 'unsupported-algorithm'],
    ['sha-1/DmxUShsZuNiqPQsX2Oi9uv2sCnw=', 'unsupported-algorithm'],
    ['sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=', 'hash-of-nothing'],
    ['leaf:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU', 'hash-of-nothing'],
    ['spki-sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855', 'hash-of-nothing'],
    ['cert-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hash-of-nothing'],
    [`sha3-256/${zero}`, 'unsupported-algorithm'],
    [`md5:${zero}`, 'unsupported-algorithm'],
    ['0e6c544a1b19b8d8aa3d0b17d8e8bdbafdac0a7c', 'unsupported-algorithm'],
    [`sha256/${zero.slice(0, 42)}B=`, 'bad-base64'],
    [`sha256/${zero}${zero}`, 'bad-base64'],
    [`sha256/${'A'.repeat(86)}`, 'bad-length'],
    [`sha256/${zero.slice(0, 20)} ${zero.slice(21)}`, 'bad-base64'],
    [`spki-sha256:${hex.slice(1)}`, 'bad-length'],
    [`spki-sha256:${hex.slice(1)}g`, 'bad-hex'],
    [`cert-sha256:${hex.slice(2)}`, 'bad-length'],
    [`leaf:ca:sha256/${zero}`, 'bad-base64'],
    ['a'.repeat(59), 'bad-length'],
    ['a'.repeat(60), 'ambiguous-hex'],
    ['a'.repeat(70), 'ambiguous-hex'],
    ['a'.repeat(71), 'bad-length'],
    [`${'a'.repeat(60)}gg`, 'ambiguous-hex'],
    [`${'a'.repeat(60)}ggg`, 'bad-length'],
    ['ab:cd:ef', 'ambiguous-hex'],
    ['xab:cd', 'bad-base64'],
    ['ab:cdx', 'bad-base64'],
    ['sha224/AAAA', 'unsupported-algorithm'],
    ['sha-224/AAAA', 'unsupported-algorithm'],
    ['sha3/AAAA', 'unsupported-algorithm'],
    ['xsha1/AAAA', 'bad-length'],
    [`sha256:${'ab'.repeat(32)}`, 'ambiguous-hex'],
    [`sha256:${'ab'.repeat(20)}`, 'unsupported-algorithm'],
  ] as const) {
    it(`${JSON.stringify(text.slice(0, 30))} is refused: ${problem}`, () => {
      const error = thrownBy(() => Pin.parse(text), PinSyntaxError, 'ERR_PIN_SYNTAX');
      expect(error.problem).to.equal(problem);
    });
  }

  for (const [text, hint] of [
    [`sha256/${'A'.repeat(10)}`, 'a pin is sha256/'],
    [`sha256/${'A'.repeat(11)}`, 'a pin is sha256/'],
    [`sha256/${'A'.repeat(12)}`, 'cut off'],
    [`sha256/${'A'.repeat(44)}`, 'cut off'],
    [`sha256/${'A'.repeat(45)}`, 'two pins'],
    [`sha256/${zero.slice(0, 42)}B=`, 'mistyped'],
    ['sha256/%2', 'a pin is sha256/'],
    ['sha256/%2B', 'URL-encoded'],
  ] as const) {
    it(`${text.slice(0, 20)} of ${text.length} characters hints: ${hint}`, () => {
      const { hint: given } = thrownBy(() => Pin.parse(text), PinSyntaxError, 'ERR_PIN_SYNTAX');
      expect(given).to.contain(hint);
    });
  }

  it('never reads hexadecimal that does not say what was hashed', () => {
    fc.assert(
      fc.property(digest, fc.boolean(), (bytes, hasColons) => {
        const text = bytes.toString('hex');
        const written = hasColons ? (text.match(/../gu) ?? []).join(':') : text;
        const error = thrownBy(() => Pin.parse(written), PinSyntaxError, 'ERR_PIN_SYNTAX');
        expect(error.problem).to.equal('ambiguous-hex');
      }),
    );
  });
});
