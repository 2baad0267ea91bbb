import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorCodes } from './error-codes.mjs';
import { root } from './paths.mjs';
import { exitWith, StepFailed } from './steps.mjs';

const file = join(root, 'docs/errors.md');

/** Fails where docs/errors.md is not what the table says, or the table has other codes than the core. */
export async function checkErrorsDocument() {
  const core = await import(pathToFileURL(join(root, 'packages/core/dist/index.js')).href);
  const told = errorCodes.flatMap(({ codes }) => Object.keys(codes));
  const missing = core.pinErrorCodes.filter((code) => !told.includes(code));
  const unknown = told.filter((code) => !core.pinErrorCodes.includes(code));
  if (missing.length + unknown.length > 0) {
    throw new StepFailed(
      `tools/error-codes.mjs: missing ${missing.join(', ') || 'none'}; unknown ${unknown.join(', ') || 'none'}`,
    );
  }
  const written = await readFile(file, 'utf8').catch(() => '');
  if (written !== errorsDocument())
    throw new StepFailed('docs/errors.md is not in sync: node tools/errors-doc.mjs');
  return `${told.length} codes`;
}

function errorsDocument() {
  const sections = errorCodes.map(({ title, className, codes }) => {
    const rows = Object.entries(codes).map(
      ([code, [meaning, remedy]]) => `| \`${code}\` | ${meaning} | ${remedy} |`,
    );
    return [
      `## ${title}`,
      '',
      `\`${className}\``,
      '',
      '| code | means | do |',
      '|---|---|---|',
      ...rows,
    ].join('\n');
  });
  return `${[intro, ...sections].join('\n\n')}\n`;
}

const intro = `# Errors

Generated from \`tools/error-codes.mjs\`. Codes are API; texts are for people and may change.

Every error of pinvault extends \`PinError\`, carries its code as \`code\` and at the beginning of its message, and holds no token,
secret or request content. Clients wrap errors: \`findPinError(error)\` walks \`cause\` and \`errors\`, and \`pinErrorCode(error)\` also reads
the code out of a text. Both work across duplicate copies of the package.`;

if (process.argv[1] === import.meta.filename) {
  void exitWith(() => writeFile(file, errorsDocument()));
}
