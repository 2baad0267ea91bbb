import { Pin } from '../pin/pin.js';

interface Slip {
  readonly looksLike: RegExp;
  readonly hint: string;
}

const saysNone = 'a host that wants no pins says none, in lower case and alone';
const fingerprint = 'the fingerprint of a certificate: cert-sha256:<hex>';
const header = 'of the header, only pin-sha256="…" belongs into the row';
const remark = 'a row holds no remark: write it into $note, or behind # in the key';
const glued = 'two pins need a space between them';

/** What was pasted as a whole, tokens joined by a space; the first that fits. */
const pastedTexts: readonly Slip[] = [
  {
    looksLike: /-----BEGIN [A-Z ]*PRIVATE KEY/u,
    hint: 'a private key: take it out of the store, its history too, and take it for stolen',
  },
  {
    looksLike: /-----BEGIN /u,
    hint: 'a whole certificate or key where its pin belongs: pinvault pin FILE prints the row',
  },
  { looksLike: /^(?:\{|\[\{)/u, hint: 'a whole document in one row? each host is a row' },
  { looksLike: /^\["/u, hint: 'an array as text: store the array itself, or the pins with a space between' },
  { looksLike: /^"[^"]*":/u, hint: 'a row in a row: only what stands behind the colon belongs here' },
  { looksLike: /&(?:quot|amp|lt|gt|#x?[0-9a-f]{1,5})\b/iu, hint: 'the value is HTML-escaped: &#43; is a +' },
  {
    looksLike: /^(?:[a-z0-9-]+\()?\(?stdin\)=/iu,
    hint: 'the output of openssl dgst: spki-sha256:<hex> where it hashed a public key',
  },
  { looksLike: /^sha-?256 fingerprint=/iu, hint: fingerprint },
  { looksLike: /^(?:sha-?1|md5) fingerprint=/iu, hint: 'only SHA-256: openssl x509 -fingerprint -sha256' },
  { looksLike: /^(?:[0-9a-f]{2} ){15,}[0-9a-f]{2}\b/iu, hint: fingerprint },
  { looksLike: /^(?:public-key-pins|pin-sha256 =)/iu, hint: header },
  { looksLike: /^[-*>] ./u, hint: 'the pins alone, without a mark of a list' },
];

/** What one token looks like; the first that fits. */
const tokenSlips: readonly Slip[] = [
  {
    looksLike: /^["'`\u2018\u201c\u00ab]|^(?!pin-sha256=).*["'`\u2019\u201d\u00bb]$/u,
    hint: 'no quotes around the value',
  },
  { looksLike: /^(?:#|\/\/|\/\*|\(|<!--)/u, hint: remark },
  { looksLike: /^(?:none|null|nil|false|off|no|n\/a|-|any|allow)[.!]?$/iu, hint: saysNone },
  {
    looksLike: /^(?:block(?:ed)?|deny|reject)[.!]?$/iu,
    hint: 'a host that is never connected says block, alone',
  },
  { looksLike: /^(?:report|enforce)$/iu, hint: 'mode=report or mode=enforce' },
  { looksLike: /^(?:true|yes|on)$/iu, hint: 'a row holds pins, not a switch' },
  {
    looksLike: /^(?:mode|until|review)(?::|$)/iu,
    hint: 'mode=report, until=2027-06-30: an equals sign, no spaces',
  },
  { looksLike: /^[0-9]{1,2}:[0-9]{2}/u, hint: 'date and time are one token: 2027-06-30T12:00:00Z' },
  { looksLike: /\u2026|\.\.\.|[<>]/u, hint: 'a placeholder, or cut off: the whole pin belongs here' },
  { looksLike: /^[a-z][a-z0-9+.-]*:\/\//iu, hint: 'a URL where a pin belongs' },
  { looksLike: /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?:[:=]|$)/u, hint: 'a host where a pin belongs' },
  { looksLike: /sha256\/.*sha256\/|[A-Za-z0-9+/_-]{40}={1,2}[A-Za-z0-9+/_-]/u, hint: glued },
  {
    looksLike: /^SHA256:[A-Za-z0-9+/]{43}$/u,
    hint: 'an SSH fingerprint is no pin: it hashes another form of the key',
  },
  {
    looksLike: /^(?:(?:leaf|ca):)?(?:cert|spki)-sha256:/u,
    hint: '64 digits in hexadecimal, right behind the colon',
  },
  { looksLike: /^(?:cert|spki)-sha256/iu, hint: 'cert-sha256:<hex> or spki-sha256:<hex>, in lower case' },
  {
    looksLike: /^(?!(?:ca|leaf):)(?:[Cc][Aa]|[Ll][Ee][Aa][Ff]|root|intermediate|any)[:/=]|:(?:ca|leaf)$/u,
    hint: 'the roles are leaf: and ca:, in lower case and right before the pin',
  },
  {
    looksLike: /^MI[A-Za-z0-9+/]{60}/u,
    hint: 'a whole certificate or key in base64: its SHA-256 is the pin',
  },
  { looksLike: /^M[CFH][A-Za-z0-9+/]{50}/u, hint: 'a whole public key in base64: its SHA-256 is the pin' },
];

/**
 * What somebody most likely meant with a token that is no pin: the hint of its error. It never holds a part of the value.
 * `undefined` where nothing better is known than what the parser of pins says itself.
 */
export function slipOf(tokens: readonly string[], index: number): string | undefined {
  const pieces = tokens.slice(index, index + maxPieces);
  for (let count = 2; count <= pieces.length; count += 1) {
    const some = pieces.slice(0, count);
    if (isPin(some.join('+'))) return 'a + was turned into a space';
    if (isPin(some.join(''))) return 'a pin was broken in two: no space and no line break in it';
  }
  const whole = tokens.slice(0, maxTokens).join(' ').slice(0, maxLength);
  const token = String(pieces[0]).slice(0, maxLength);
  return (
    pastedTexts.find(({ looksLike }) => looksLike.test(whole)) ??
    tokenSlips.find(({ looksLike }) => looksLike.test(token))
  )?.hint;
}

// What is looked at: enough for every slip, and no work to be made by a long text.
const maxPieces = 5;
const maxTokens = 40;
const maxLength = 200;

/** Why something beside `none` or `block` is wrong there. */
export const standsAlone = 'nothing else in such a row; a remark goes into $note, or behind # in the key';

/** What was meant with an attribute that is not known. */
export function attributeSlip(name: string): string {
  if (/^(?:sha|md)[0-9-]*$/iu.test(name)) return 'a pin is written sha256/<base64>';
  if (/^(?:mode|until|review)$/iu.test(name)) return 'mode=, until= and review= are in lower case';
  if (/^exp/iu.test(name)) return 'until= is the last day of a pin';
  if (/^(?:max-age|includeSubDomains|report-uri)$/iu.test(name)) return header;
  return 'mode=, until= and review=';
}

function isPin(text: string): boolean {
  try {
    Pin.parse(text);
    return true;
  } catch {
    return false;
  }
}
