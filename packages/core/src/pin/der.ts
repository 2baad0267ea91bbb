/** Thrown for bytes that are not the DER expected; caught where certificates are judged, and a refusal there. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** Where one DER element lies in the bytes. */
export interface DerElement {
  readonly tag: number;
  /** Offset of the tag byte. */
  readonly start: number;
  /** Offset of the first content byte. */
  readonly contentStart: number;
  /** Offset just past the element. */
  readonly end: number;
}

/**
 * Reads one DER element (X.690 §8, §10) that has to end at or before `limit`.
 *
 * Indefinite, non-minimal and oversized lengths and multi-byte tags are refused: what two parsers could read
 * differently is no base for a security decision.
 */
export function readElement(bytes: Uint8Array, offset: number, limit: number): DerElement {
  const tag = byteAt(bytes, offset, limit);
  if ((tag & 0x1f) === 0x1f) throw new DerError(`multi-byte tag at ${offset}`);
  let cursor = offset + 1;
  let length = byteAt(bytes, cursor, limit);
  cursor += 1;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 3) throw new DerError(`indefinite or oversized length at ${offset}`);
    length = 0;
    for (let index = 0; index < count; index += 1) {
      length = length * 256 + byteAt(bytes, cursor, limit);
      cursor += 1;
    }
    // X.690 §10.1: the shortest form, so the first byte is not zero and short lengths take one byte.
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError(`length not minimal at ${offset}`);
  }
  const end = cursor + length;
  if (end > limit) throw new DerError(`element at ${offset} ends outside its parent`);
  return { tag, start: offset, contentStart: cursor, end };
}

/** Reads one element that must carry `tag`. */
export function expectElement(bytes: Uint8Array, offset: number, limit: number, tag: number): DerElement {
  const element = readElement(bytes, offset, limit);
  if (element.tag !== tag) throw new DerError(`expected tag 0x${tag.toString(16)} at ${offset}`);
  return element;
}

function byteAt(bytes: Uint8Array, offset: number, limit: number): number {
  const value = offset < limit ? bytes[offset] : undefined;
  if (value === undefined) throw new DerError(`bytes end at ${offset}`);
  return value;
}
