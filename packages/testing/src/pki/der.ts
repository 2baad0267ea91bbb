// A DER writer, and no reader: certificates with forged or contradictory fields are the point of this package, and
// a library that validates what it encodes will not write them.

/** Joins the parts under one tag; `tag` is the identifier octet. */
function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(content.length)]), content]);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 0x100)) octets.unshift(rest % 0x100);
  return [0x80 | octets.length, ...octets];
}

/** SEQUENCE. */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(0x30, ...parts);
}

/** SET, of one member: more would have to be sorted. */
export function setOf(member: Uint8Array): Buffer {
  return element(0x31, member);
}

/** `[number]` around whole elements. */
export function constructedTag(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, ...parts);
}

/** `[number]` instead of the tag of a primitive. */
export function primitiveTag(number: number, content: Uint8Array): Buffer {
  return element(0x80 | number, content);
}

/** INTEGER from big-endian magnitude octets; never negative. */
export function unsignedInteger(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const trimmed = magnitude.subarray(start);
  const needsSign = trimmed.length === 0 || (trimmed[0] ?? 0) >= 0x80;
  return element(0x02, Buffer.from(needsSign ? [0] : []), trimmed);
}

/** INTEGER from a small non-negative number. */
export function smallInteger(value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff)
    throw new RangeError(`not a small integer: ${value}`);
  return unsignedInteger(Buffer.from([value >> 8, value & 0xff]));
}

/** BOOLEAN. */
export function boolean(value: boolean): Buffer {
  return element(0x01, Buffer.from([value ? 0xff : 0]));
}

/** NULL. */
export function nullValue(): Buffer {
  return element(0x05);
}

/** OCTET STRING. */
export function octetString(content: Uint8Array): Buffer {
  return element(0x04, content);
}

/** BIT STRING of whole octets. */
export function bitString(content: Uint8Array): Buffer {
  return element(0x03, Buffer.from([0]), content);
}

/** BIT STRING with the given bits set, cut after the last one, as DER asks of named bits. */
export function namedBits(bits: readonly number[]): Buffer {
  if (bits.length === 0) return element(0x03, Buffer.from([0]));
  const last = Math.max(...bits);
  const content = Buffer.alloc(Math.floor(last / 8) + 1);
  for (const bit of bits) {
    const index = Math.floor(bit / 8);
    content[index] = (content[index] ?? 0) | (0x80 >> (bit % 8));
  }
  return element(0x03, Buffer.from([7 - (last % 8)]), content);
}

/** UTF8String. */
export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, 'utf8'));
}

/** PrintableString. */
export function printableString(text: string): Buffer {
  return element(0x13, Buffer.from(text, 'latin1'));
}

/** IA5String. */
export function ia5String(text: string): Buffer {
  return element(0x16, Buffer.from(text, 'latin1'));
}

/** OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  if (!/^[0-2](\.(0|[1-9]\d*)){1,}$/.test(dotted)) throw new TypeError(`not an object identifier: ${dotted}`);
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  return element(0x06, Buffer.from([first * 40n + second, ...rest].flatMap(base128)));
}

function base128(value: bigint): number[] {
  const octets = [Number(value & 0x7fn)];
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 0x7fn) | 0x80);
  return octets;
}

/** Time as RFC 5280 §4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050. Sub-seconds are cut. */
export function time(instant: Date): Buffer {
  const digits = instant.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '');
  const year = instant.getUTCFullYear();
  if (year < 1950 || year > 9999) throw new RangeError(`a certificate cannot carry the year ${year}`);
  return year < 2050 ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}
