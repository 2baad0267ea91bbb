import * as fc from 'fast-check';

/** 32 bytes, as base64 with padding. */
export const digest: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64'));

/** A pin in its canonical form. */
export const canonicalPin: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom('', 'leaf:', 'ca:'), digest)
  .map(([role, base64]) => `${role}sha256/${base64}`);

/** Text with the characters in it that documents go wrong with. */
export const nastyText: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(
    ...Array.from('{}[]",:\\/#$ \n\t=+-_.;aA019%\'*'),
    '\u0000',
    '\u00a0',
    '\u200b',
    '\ufeff',
    '\u201c',
    '\u202e',
    '\ud800',
    '\u00fc',
    '\u{1f512}',
    '__proto__',
    'sha256/',
  ),
  maxLength: 12,
});

/** One change of a text or of bytes, by positions relative to its length. */
interface Edit {
  readonly kind: 'insert' | 'delete' | 'replace' | 'double' | 'cut' | 'flip';
  readonly at: number;
  readonly length: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('insert', 'delete', 'replace', 'double', 'cut', 'flip'),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  length: fc.integer({ min: 1, max: 9 }),
});

/** A few changes of a text. */
export function mutatedText(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(text, fc.array(fc.tuple(edit, nastyText), { minLength: 1, maxLength: 3 }))
    .map(([start, edits]) => edits.reduce((current, [each, patch]) => editText(current, each, patch), start));
}

function editText(text: string, { kind, at, length }: Edit, patch: string): string {
  const start = Math.floor(at * (text.length + 1));
  const [before, piece, after] = [
    text.slice(0, start),
    text.slice(start, start + length),
    text.slice(start + length),
  ];
  if (kind === 'insert') return before + patch + piece + after;
  if (kind === 'delete') return before + after;
  if (kind === 'double') return before + piece + piece + after;
  if (kind === 'cut') return before;
  return before + patch + after;
}

/** A few changes of bytes. */
export function mutatedBytes(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> {
  const patch = fc.uint8Array({ minLength: 1, maxLength: 6 });
  return fc
    .tuple(bytes, fc.array(fc.tuple(edit, patch), { minLength: 1, maxLength: 3 }))
    .map(([start, edits]) =>
      edits.reduce<Buffer>((current, [each, some]) => editBytes(current, each, some), Buffer.from(start)),
    );
}

function editBytes(bytes: Buffer, { kind, at, length }: Edit, patch: Uint8Array): Buffer {
  const start = Math.floor(at * bytes.length);
  const [before, piece, after] = [
    bytes.subarray(0, start),
    bytes.subarray(start, start + length),
    bytes.subarray(start + length),
  ];
  switch (kind) {
    case 'insert':
      return Buffer.concat([before, patch, piece, after]);
    case 'delete':
      return Buffer.concat([before, after]);
    case 'double':
      return Buffer.concat([before, piece, piece, after]);
    case 'cut':
      return before;
    case 'replace':
      return Buffer.concat([before, patch, bytes.subarray(start + patch.length)]);
    case 'flip': {
      const flipped = Buffer.from(bytes);
      flipped[start] = Number(flipped[start]) ^ (1 << (length & 7));
      return flipped;
    }
  }
}
