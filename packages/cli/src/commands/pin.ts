import { readArguments } from '../arguments.js';
import { UsageError } from '../command-error.js';
import { reportOfFile } from '../report/from-file.js';
import { reportOfHost } from '../report/from-host.js';
import { reportJson } from '../report/json.js';
import { reportText } from '../report/print.js';
import type { PinReport } from '../report/report.js';
import type { RunContext } from '../run-context.js';
import { connect } from '../source/connect.js';
import { readFile } from '../source/file.js';
import { readKeyMaterial } from '../source/key-material.js';
import { type Operand, readOperand, readServerName } from '../source/operand.js';
import { trustedRoots } from '../source/trusted-roots.js';
import { printable } from '../text.js';
import { pinUsage } from '../usage.js';
import { versionText } from '../version.js';

const pinOptions = {
  ca: { type: 'string', multiple: true },
  servername: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const helpCommand = 'pinvault pin --help';

interface HostOptions {
  readonly ca: readonly string[];
  readonly servername: string | undefined;
  readonly timeoutMs: number;
}

/**
 * `pinvault pin <host[:port] | file>`.
 *
 * @returns what to print
 * @throws CommandError
 */
export async function pinCommand(args: readonly string[], context: RunContext): Promise<string> {
  const { values, positionals } = readArguments(args, pinOptions, helpCommand);
  if (values.help === true) return pinUsage;
  if (values.version === true) return versionText();
  const [text, ...more] = positionals;
  if (text === undefined || text === '') {
    throw new UsageError('which host, or which file?', { hint: `see: ${helpCommand}` });
  }
  if (more[0] !== undefined) {
    throw new UsageError(`one host or file at a time; "${printable(more[0], 80)}" is one too many`);
  }
  const operand = readOperand(text);
  const options: HostOptions = {
    ca: values.ca ?? [],
    servername: values.servername === undefined ? undefined : readServerName(values.servername),
    timeoutMs: readTimeout(values.timeout),
  };
  const report = await reportOf(operand, options, context);
  const now = context.now();
  return values.json === true ? reportJson(report, now) : reportText(report, now);
}

async function reportOf(operand: Operand, options: HostOptions, context: RunContext): Promise<PinReport> {
  if (operand.kind === 'host') {
    const { host, port } = operand;
    const { servername, timeoutMs } = options;
    const roots = await trustedRoots(options.ca);
    const handshake = await connect({ host, port, servername, roots, timeoutMs, lookup: context.lookup });
    return reportOfHost(handshake, { host, port, servername }, context.now());
  }
  if (options.ca.length > 0 || options.servername !== undefined) {
    throw new UsageError('--ca and --servername are for hosts: nothing is verified in a file');
  }
  const name = printable(operand.path);
  return reportOfFile(name, readKeyMaterial(await readFile(operand.path, name), name), context.now());
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return 10_000;
  const seconds = /^[0-9]+(?:\.[0-9]+)?$/u.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds <= 3600) return seconds * 1000;
  throw new UsageError(`--timeout "${printable(text, 20)}" is no number of seconds (up to 3600)`);
}
