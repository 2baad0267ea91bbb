import { columns, type Terminal, wrap } from './terminal.js';

const indent = ' '.repeat(13);
const textWidth = columns - indent.length;

/** Prints the story line by line, with the time since the start, and remembers which promises did not hold. */
export class Narrator {
  readonly #terminal: Terminal;
  readonly #startedAt = performance.now();
  readonly #broken: string[] = [];
  #chapters = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** What was promised and did not hold. */
  get broken(): readonly string[] {
    return this.#broken;
  }

  title(text: string, remark: string): void {
    this.#terminal.print(`${this.#terminal.paint('bold', text)}  ${this.#terminal.paint('dim', remark)}`);
  }

  chapter(title: string): void {
    this.#chapters += 1;
    this.heading(`${this.#chapters} · ${title}`);
  }

  heading(title: string): void {
    this.#terminal.print();
    this.#terminal.print(this.#terminal.paint('bold', title));
  }

  /** Something happened. */
  say(text: string): void {
    this.#line(' ', text);
  }

  /** What the reader is asked to do; spaces in front are kept. */
  instruct(text: string): void {
    this.#terminal.print(indent + this.#terminal.paint('cyan', text));
  }

  /** Something that nobody wants happened, as it was bound to without pins. */
  warn(text: string): void {
    this.#line(this.#terminal.paint('yellow', '!'), text);
  }

  /** A row stands in the vault now. */
  rowAdded(key: string, value: string): void {
    this.#line(this.#terminal.paint('green', '+'), rowText(key, value));
  }

  /** A row stands in the vault no more. */
  rowDeleted(key: string, value: string): void {
    this.#line(this.#terminal.paint('red', '-'), rowText(key, value));
  }

  /** A promise of pinvault, checked: ✓ where it held, ✗ (and exit code 1) where it did not. */
  promise(holds: boolean, text: string): void {
    if (!holds) this.#broken.push(text);
    this.#line(holds ? this.#terminal.paint('green', '✓') : this.#terminal.paint('red', '✗'), text);
  }

  /** What a program said, in its own words. */
  quote(text: string): void {
    for (const line of text.split('\n')) {
      const margin = /^ */.exec(line)?.[0] ?? '';
      for (const part of wrap(line.trimStart(), textWidth - margin.length - 2)) {
        this.#terminal.print(indent + this.#terminal.paint('dim', `│ ${margin}${part}`));
      }
    }
  }

  /** A line of the summary. */
  figure(name: string, value: string, remark = ''): void {
    const bold = this.#terminal.paint('bold', value.padStart(9));
    const dim = remark === '' ? '' : `   ${this.#terminal.paint('dim', remark)}`;
    this.#terminal.print(`  ${name.padEnd(36)}${bold}${dim}`);
  }

  /** The last word. */
  verdict(holds: boolean, text: string, remark = ''): void {
    this.#terminal.print();
    const mark = holds ? this.#terminal.paint('green', '✓') : this.#terminal.paint('red', '✗');
    this.#terminal.print(`${mark} ${this.#terminal.paint('bold', text)}`);
    if (remark !== '') this.#terminal.print(`  ${this.#terminal.paint('dim', remark)}`);
  }

  #line(mark: string, text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(3);
    const [first = '', ...more] = wrap(text, textWidth);
    this.#terminal.print(`${this.#terminal.paint('dim', `${seconds.padStart(7)} s`)}  ${mark} ${first}`);
    for (const line of more) this.#terminal.print(indent + line);
  }
}

function rowText(key: string, value: string): string {
  return `${`"${key}"`.padEnd(23)} ${value}`;
}
