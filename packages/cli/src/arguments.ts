import { parseArgs } from 'node:util';
import { UsageError } from './command-error.js';
import { printable } from './text.js';

/** The options of a command, as `parseArgs` takes them. */
export type OptionTable = Readonly<
  Record<
    string,
    { readonly type: 'boolean' | 'string'; readonly short?: string; readonly multiple?: boolean }
  >
>;

type ValueOf<Option> = Option extends { readonly type: 'boolean' }
  ? boolean
  : Option extends { readonly multiple: true }
    ? string[]
    : string;

/** What stood on the command line. */
export interface ReadArguments<Options extends OptionTable> {
  readonly values: { readonly [Name in keyof Options]?: ValueOf<Options[Name]> };
  readonly positionals: readonly string[];
}

/**
 * Reads a command line, and says in our words what is wrong with it.
 *
 * @param helpCommand - what to type for help
 * @throws UsageError
 */
export function readArguments<Options extends OptionTable>(
  args: readonly string[],
  options: Options,
  helpCommand: string,
): ReadArguments<Options> {
  // Not strict: parseArgs's own complaints are about programs. Every token is looked at below instead.
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const problem = problemOf(token, options);
    if (problem !== undefined) throw new UsageError(problem, { hint: `see: ${helpCommand}` });
  }
  return { values, positionals };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function problemOf(token: OptionToken, options: OptionTable): string | undefined {
  const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
  const written = printable(token.rawName, 40);
  if (option === undefined) {
    const near = nearest(token.name, Object.keys(options));
    return `unknown option ${written}${near === undefined ? '' : `; did you mean --${near}?`}`;
  }
  if (option.type === 'boolean') return token.value === undefined ? undefined : `${written} takes no value`;
  const isMissing = token.value === undefined || token.value === '';
  const isNextOption = token.inlineValue !== true && token.value?.startsWith('-') === true;
  return isMissing || isNextOption ? `${written} needs a value` : undefined;
}

/** The candidate that a person who wrote `word` most likely meant. */
function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: distanceBetween(word, candidate) }))
    .sort((left, right) => left.distance - right.distance)[0];
  return ranked !== undefined && ranked.distance <= 2 ? ranked.candidate : undefined;
}

/** Levenshtein's. Bounded, since a word can be as long as the system lets it. */
function distanceBetween(left: string, right: string): number {
  if (left.length > 40) return Infinity;
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? Infinity;
}
