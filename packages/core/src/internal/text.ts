/** Makes foreign text safe for one line of a log: control, format and bidirectional characters escaped, length bounded. */
export function printable(text: string, maxLength = 256): string {
  const escaped = text
    .slice(0, maxLength)
    .replaceAll(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
      (character) => `\\u${codePointHex(character).toLowerCase()}`,
    );
  if (text.length <= maxLength && escaped.length <= maxLength) return escaped;
  // Half of a surrogate pair may be left at the cut.
  return `${escaped.slice(0, maxLength - 1).replace(/\p{Cs}$/u, '')}…`;
}

/** `200B`: the code point of a character, as Unicode's tables write it. */
export function codePointHex(character: string): string {
  return Number(character.codePointAt(0)).toString(16).toUpperCase().padStart(4, '0');
}

/** A duration for people: `850 ms`, `14 s`, `3 min`, `5 h`, `2 d`. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 120_000) return `${Math.round(milliseconds / 1_000)} s`;
  if (milliseconds < 7_200_000) return `${Math.round(milliseconds / 60_000)} min`;
  if (milliseconds < 172_800_000) return `${Math.round(milliseconds / 3_600_000)} h`;
  return `${Math.round(milliseconds / 86_400_000)} d`;
}
