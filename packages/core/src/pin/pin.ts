import { PinDocumentError } from '../errors.js';
import { spkiDigest } from './spki.js';

/** What a pin may match: the leaf, a CA of the verified path, or either. */
export type PinRole = 'any' | 'leaf' | 'ca';

/** What was hashed: the public key (SubjectPublicKeyInfo) or the whole leaf certificate. */
export type PinSubject = 'spki' | 'certificate';

/** Why a text is no pin; the word in `PinDocumentError` is always `bad-pin`. */
export type PinSyntaxProblem =
  | 'unsupported-algorithm'
  | 'bad-base64'
  | 'bad-hex'
  | 'bad-length'
  | 'empty'
  | 'ambiguous-hex'
  | 'bad-role'
  | 'hash-of-nothing'
  | 'bad-form';

/** Thrown by {@link Pin.parse}; `problem` says what is wrong in one word. */
export class PinSyntaxError extends PinDocumentError {
  readonly problem: PinSyntaxProblem;

  constructor(problem: PinSyntaxProblem, message: string, hint?: string) {
    super('ERR_PIN_SYNTAX', message, { reason: 'bad-pin', hint });
    this.problem = problem;
  }
}

/**
 * The SHA-256 of a public key, as an immutable value.
 *
 * Equal pins have equal text: `sha256/<base64>` with padding, behind `leaf:` or `ca:` where the pin is typed, or
 * `cert-sha256:<hex>` for a whole leaf certificate.
 */
export class Pin {
  readonly role: PinRole;
  readonly subject: PinSubject;
  /** 44 characters of base64 for a key, 64 of lower-case hexadecimal for a certificate. */
  readonly digest: string;

  private constructor(role: PinRole, subject: PinSubject, digest: string) {
    this.role = role;
    this.subject = subject;
    this.digest = digest;
    Object.freeze(this);
  }

  /**
   * Reads one pin in any of the forms that the contract names.
   *
   * @throws PinSyntaxError (`ERR_PIN_SYNTAX`)
   */
  static parse(text: string): Pin {
    // The usual case first: this runs for each pin of a document.
    if (Pin.isCanonical(text)) return new Pin('any', 'spki', text.slice(7));
    const typed = /^(leaf|ca):(.*)$/su.exec(text);
    const role = (typed?.[1] ?? 'any') as PinRole;
    const body = typed?.[2] ?? text;
    if (body === '') throw new PinSyntaxError('empty', 'empty pin', 'a host that wants no pins says none');
    const certificate = prefixed(body, 'cert-sha256:');
    if (certificate !== undefined) {
      if (role === 'ca') {
        throw new PinSyntaxError(
          'bad-role',
          'cert-sha256 pins a leaf certificate, never a CA',
          'pin the CA by its key: ca:sha256/…',
        );
      }
      return new Pin('leaf', 'certificate', digestFromHex(certificate));
    }
    const spki = prefixed(body, 'spki-sha256:');
    if (spki !== undefined) {
      return new Pin(role, 'spki', Buffer.from(digestFromHex(spki), 'hex').toString('base64'));
    }
    return new Pin(role, 'spki', digestFromBase64(encodedPart(body)));
  }

  /** Whether a text is the canonical one of a pin that has no role: {@link Pin.parse} reads it and writes it so. */
  static isCanonical(text: string): boolean {
    return canonical.test(text) && !text.endsWith(digestOfNothing);
  }

  /** The pin of a certificate's public key. @throws DerError where the bytes are no certificate */
  static ofCertificate(der: Uint8Array, role: PinRole = 'any'): Pin {
    return new Pin(role, 'spki', spkiDigest(der));
  }

  equals(other: Pin): boolean {
    return this.toString() === other.toString();
  }

  /** The canonical text. */
  toString(): string {
    if (this.subject === 'certificate') return `cert-sha256:${this.digest}`;
    return `${this.role === 'any' ? '' : `${this.role}:`}sha256/${this.digest}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

const canonical = /^sha256\/[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/u;

function prefixed(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

/** Takes the prefixes off that other tools write, and refuses what does not say what was hashed. */
function encodedPart(text: string): string {
  const own = prefixed(text, 'sha256/');
  if (own !== undefined) {
    // curl writes two slashes; a digest may begin with one itself. Only one reading is 32 bytes.
    return own.startsWith('/') && !isDigest(own) ? own.slice(1) : own;
  }
  const header = /^pin-sha256=("?)(.*)\1$/su.exec(text)?.[2];
  if (header !== undefined) return header;
  // Before anything else is made of it: base64 may begin with the letters of an algorithm's name.
  if (isDigest(text)) return text;
  const algorithm =
    /^(?:md5|sha-?1|sha-?224|sha-?384|sha-?512|sha3(?:-(?:224|256|384|512))?)(?=[/:=_-])/iu.exec(text)?.[0];
  if (algorithm !== undefined) throw unsupported(`${algorithm} is not supported`);
  const misspelt = /^(?:pin-)?sha-?256[/:=_-]/iu.exec(text)?.[0] ?? '';
  const rest = text.slice(misspelt.length);
  const digits = rest.replaceAll(':', '');
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{32})$/iu.test(digits))
    throw unsupported(`as long as ${digits.length === 40 ? 'a SHA-1' : 'an MD5'} in hexadecimal`);
  if (/^[0-9a-f]{2}(?::[0-9a-f]{2})+$/iu.test(rest) || looksLikeHex(digits)) {
    throw new PinSyntaxError(
      'ambiguous-hex',
      'hexadecimal that does not say what was hashed',
      'it looks like a certificate fingerprint; write cert-sha256:<hex> for a certificate, spki-sha256:<hex> for a key',
    );
  }
  if (misspelt !== '') {
    const hint = 'a pin is written sha256/<base64>, in lower case and with a slash';
    throw new PinSyntaxError('bad-form', 'SHA-256 in a form that is not read', hint);
  }
  return text;
}

function unsupported(problem: string): PinSyntaxError {
  return new PinSyntaxError('unsupported-algorithm', problem, 'only SHA-256: sha256/<base64>');
}

/** 60 to 70 characters, nearly all of them hexadecimal: a digest in hexadecimal with a slip in it. */
function looksLikeHex(text: string): boolean {
  if (text.length < 60 || text.length > 70) return false;
  return text.replaceAll(/[0-9a-f]/giu, '').length <= 2;
}

function isDigest(text: string): boolean {
  return /^[A-Za-z0-9+/_-]{42}[AEIMQUYcgkosw048]=?$/u.test(text);
}

function digestFromBase64(text: string): string {
  if (/%[0-9a-f]{2}/iu.test(text)) {
    throw new PinSyntaxError('bad-base64', 'not base64', 'the value is URL-encoded: %2B is a +');
  }
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/u.test(text)) {
    throw new PinSyntaxError('bad-base64', 'not base64', 'a pin is sha256/ and 44 characters of base64');
  }
  if (!isDigest(text)) {
    const bytes = Buffer.from(text, 'base64').length;
    if (bytes === 32 && text.replaceAll('=', '').length === 43) {
      throw new PinSyntaxError(
        'bad-base64',
        'the last character cannot end 32 bytes of base64',
        'a character is mistyped or missing',
      );
    }
    throw new PinSyntaxError(
      'bad-length',
      `${bytes} ${bytes === 1 ? 'byte' : 'bytes'} where SHA-256 has 32`,
      text.length > 44
        ? 'two pins need a space between them'
        : text.length > 11
          ? 'cut off while copying, or a + was turned into a space'
          : 'a pin is sha256/ and 44 characters of base64',
    );
  }
  const digest = `${text.replaceAll('-', '+').replaceAll('_', '/').replace(/=$/u, '')}=`;
  if (digest === digestOfNothing) throw hashOfNothing();
  return digest;
}

// What `openssl dgst` prints where the command before it printed nothing.
const digestOfNothing = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';

function digestFromHex(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]*$/u.test(digits)) throw new PinSyntaxError('bad-hex', 'not hexadecimal');
  if (digits.length !== 64) {
    throw new PinSyntaxError('bad-length', `${digits.length} hexadecimal digits where SHA-256 has 64`);
  }
  if (Buffer.from(digits, 'hex').toString('base64') === digestOfNothing) throw hashOfNothing();
  return digits;
}

function hashOfNothing(): PinSyntaxError {
  return new PinSyntaxError(
    'hash-of-nothing',
    'the hash of no bytes at all',
    'a pipeline that failed before it hashed: see what its first command says',
  );
}
