type Style = 'bold' | 'dim' | 'green' | 'red' | 'cyan';

const codes: Readonly<Record<Style, number>> = { bold: 1, dim: 2, green: 32, red: 31, cyan: 36 };

// What is left of 100 columns.
const quoteWidth = 86;

/** Lines of the story: a time, a mark, a text. Colour where the terminal has it. */
export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #hasColour: boolean;
  readonly #startedAt = performance.now();

  constructor(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv) {
    this.#out = out;
    const isForced = (env['FORCE_COLOR'] ?? '0') !== '0';
    this.#hasColour = isForced || (out.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb');
  }

  /** Seconds since the story began. */
  elapsed(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  heading(text: string): void {
    this.#print(`\n${this.style(text, 'bold')}`);
  }

  /** Something happened that had to. */
  done(text: string): void {
    this.#timed(this.style('✓', 'green'), text);
  }

  /** Somebody does something. */
  action(text: string): void {
    this.#timed(this.style('→', 'cyan'), text);
  }

  /** A promise of the story was broken. */
  broken(text: string): void {
    this.#timed(this.style('✗', 'red'), this.style(text, 'red'));
  }

  /** Words of somebody else, such as an error's message. */
  quote(text: string): void {
    for (const line of text.split('\n').flatMap(wrap))
      this.#print(`${' '.repeat(13)}${this.style(line, 'dim')}`);
  }

  /** One line of a table. */
  row(label: string, value: string): void {
    this.#print(`  ${label.padEnd(44)}${this.style(value, 'bold')}`);
  }

  line(text = ''): void {
    this.#print(text);
  }

  style(text: string, style: Style): string {
    return this.#hasColour ? `\u001B[${codes[style]}m${text}\u001B[0m` : text;
  }

  #timed(mark: string, text: string): void {
    const time = `${this.elapsed().toFixed(3)} s`.padStart(10);
    this.#print(`${this.style(time, 'dim')} ${mark} ${text}`);
  }

  #print(text: string): void {
    this.#out.write(`${text}\n`);
  }
}

/** Breaks a long line between words, the rest indented. */
function wrap(line: string): string[] {
  if (line.length <= quoteWidth) return [line];
  const cut = line.lastIndexOf(' ', quoteWidth);
  if (cut <= 0) return [line];
  return [line.slice(0, cut), ...wrap(`  ${line.slice(cut + 1)}`)];
}
