import { codePointHex } from '../internal/text.js';

const characterNames: Readonly<Record<string, string>> = {
  '\u00a0': 'no-break space',
  '\u00ad': 'soft hyphen',
  '\u200b': 'zero width space',
  '\u200c': 'zero width non-joiner',
  '\u200d': 'zero width joiner',
  '\u2060': 'word joiner',
  '\u202f': 'narrow no-break space',
  '\ufeff': 'byte order mark',
};

const odd = /[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}]/gu;
const plain = /^[\x20-\x7e]*$/u;

/** The first control, format or non-ASCII white-space character; `allowed` are let through. */
export function findOddCharacter(
  text: string,
  allowed: string,
): { name: string; position: number } | undefined {
  if (plain.test(text)) return undefined;
  for (const match of text.matchAll(odd)) {
    const character = match[0];
    if (character === ' ' || allowed.includes(character)) continue;
    const codePoint = `U+${codePointHex(character)}`;
    const name = characterNames[character];
    return { name: name === undefined ? codePoint : `${name} ${codePoint}`, position: match.index };
  }
  return undefined;
}
