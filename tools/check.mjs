import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkGates } from './check-gates.mjs';
import { findBannedSource } from './check-sources.mjs';
import { runQuiet } from './commands.mjs';
import { checkCoverage } from './coverage.mjs';
import { toolEnvironment } from './environment.mjs';
import { binaries, root } from './paths.mjs';
import { checkDocumentDoc } from './document-doc.mjs';
import { checkErrorsDocument } from './errors-doc.mjs';
import { exitWith, step, StepFailed } from './steps.mjs';
import { build, install } from './workspace.mjs';

const tool = (path, ...args) => runQuiet(process.execPath, [path, ...args], { env: toolEnvironment() });

const gates = [
  ['the gates see what is planted', checkGates],
  ['oxlint, with types', async () => /\d+ files/.exec(await tool(binaries.oxlint, '--deny-warnings'))?.[0]],
  ['prettier', () => tool(binaries.prettier, '--check', '.').then(() => '')],
  ['knip', () => tool(binaries.knip, '--no-progress').then(() => '')],
  ['publint', publishable],
  [
    'turbo boundaries',
    async () => /\d+ files in \d+ packages/.exec(await tool(binaries.turbo, 'boundaries'))?.[0],
  ],
  ['source rules', sourceRules],
  ['docs/errors.md', checkErrorsDocument],
  ['docs/document.md', checkDocumentDoc],
  ["coverage of the core's unit tests", checkCoverage],
];

async function publishable() {
  const folders = (await readdir(join(root, 'packages'))).map((name) => join(root, 'packages', name));
  for (const folder of folders) await tool(binaries.publint, folder, '--strict', '--pack', 'false');
  return `${folders.length} packages`;
}

async function sourceRules() {
  const findings = await findBannedSource(root);
  if (findings.length > 0) throw new StepFailed(findings.join('\n'));
}

void exitWith(async () => {
  await install();
  await build();
  for (const [title, gate] of gates) await step(title, gate);
});
