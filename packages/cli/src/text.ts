/** The width that a report is laid out for. */
const columns = 100;

/** Makes foreign text safe for a terminal: control, format and bidirectional characters escaped, length bounded. */
export function printable(text: string, maxLength = 256): string {
  const bounded = text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
  return bounded.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** Breaks prose at spaces, so that no line is longer than {@link columns}; every line but the first is indented. */
export function wrapped(text: string, indent: string, firstIndent: string = indent): string {
  const lines: string[] = [];
  let line = firstIndent;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line].join('\n');
}
