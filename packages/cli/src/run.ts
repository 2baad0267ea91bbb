import { readArguments } from './arguments.js';
import { CommandError, UsageError } from './command-error.js';
import { pinCommand } from './commands/pin.js';
import type { RunContext } from './run-context.js';
import { printable } from './text.js';
import { usage } from './usage.js';
import { versionText } from './version.js';

const globalOptions = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } } as const;

/**
 * Runs the command line `pinvault <args…>`.
 *
 * @returns the exit code: 0, 1 (it did not work) or 2 (the command line is wrong)
 */
export async function run(args: readonly string[], context: RunContext): Promise<number> {
  try {
    context.stdout.write(await outputOf(args, context));
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) {
      context.stderr.write(`pinvault: unexpected: ${printable(String(error), 500)}\n`);
      return 1;
    }
    context.stderr.write(`pinvault: ${error.message}\n`);
    if (error.hint !== undefined) context.stderr.write(`  ${error.hint}\n`);
    return error.exitCode;
  }
}

async function outputOf(args: readonly string[], context: RunContext): Promise<string> {
  const [command, ...rest] = args;
  if (command === 'pin') return pinCommand(rest, context);
  if (command === undefined) return usage;
  if (!command.startsWith('-')) throw unknownCommand(command);
  const { values, positionals } = readArguments(args, globalOptions, 'pinvault --help');
  if (values.version === true) return versionText();
  if (positionals[0] !== undefined) {
    throw new UsageError(`options come after the command: pinvault ${printable(positionals[0], 80)} …`);
  }
  return usage;
}

function unknownCommand(command: string): UsageError {
  const name = printable(command, 80);
  // Whoever writes a host or a file here has left the command out.
  const isOperand = /[.:/\\]/u.test(command);
  return new UsageError(`unknown command "${name}"; the one command is pin`, {
    hint: isOperand ? `did you mean: pinvault pin ${name}` : 'see: pinvault --help',
  });
}
