type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  red: [31, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export const columns = 100;

/** Where the story is printed: with colour where the reader has it, as plain text everywhere else. */
export class Terminal {
  readonly #stream: NodeJS.WriteStream;
  readonly #hasColour: boolean;

  constructor(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv) {
    this.#stream = stream;
    this.#hasColour = wantsColour(stream, environment);
  }

  paint(style: Style, text: string): string {
    if (!this.#hasColour || text === '') return text;
    const [on, off] = codes[style];
    return `\u001B[${on}m${text}\u001B[${off}m`;
  }

  print(line = ''): void {
    this.#stream.write(`${line}\n`);
  }
}

// The order in which Node itself asks: FORCE_COLOR beats NO_COLOR beats the terminal.
function wantsColour(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: term } = environment;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY && (no ?? '') === '' && term !== 'dumb';
}

/** Breaks a text between words, so that no line is longer than `width`; a word that is longer is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = fit(line === '' ? word : `${line} ${word}`, width);
  }
  return [...lines, line];
}

/** Cuts a text that is longer than `width`, visibly. */
function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
