import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findBannedSource } from './check-sources.mjs';
import { capture } from './commands.mjs';
import { findUncovered } from './coverage.mjs';
import { toolEnvironment } from './environment.mjs';
import { binaries, root } from './paths.mjs';
import {
  innocentCoverage,
  plantedCoverage,
  plantedInnocent,
  plantedLint,
  plantedSource,
} from './planted-violations.mjs';
import { StepFailed } from './steps.mjs';

/**
 * Runs every gate over a small copy of the workspace in which something is wrong, and fails when a gate does not see
 * it: a tool that reads no file at all reports success too. Returns how many violations were seen.
 */
export async function checkGates() {
  const folder = await mkdtemp(join(tmpdir(), 'pinvault-gates-'));
  try {
    await plant(folder);
    const blind = [
      ...(await blindLint(folder)),
      ...(await blindSources(folder)),
      ...(await blindCommands(folder)),
      ...blindCoverage(),
    ];
    if (blind.length > 0)
      throw new StepFailed(`a gate does not see what was planted for it:\n${blind.join('\n')}`);
    return `${plantedLint.length + plantedSource.length + plantedCoverage.length + gateCommands(folder).length} seen`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function plant(folder) {
  const rootFiles = [
    '.oxlintrc.json',
    '.prettierrc',
    'knip.json',
    'turbo.json',
    'package.json',
    'pnpm-workspace.yaml',
    'pnpm-lock.yaml',
  ];
  for (const file of rootFiles) await cp(join(root, file), join(folder, file));
  for (const name of await readdir(join(root, 'packages'))) {
    for (const file of ['package.json', 'turbo.json']) {
      await cp(join(root, 'packages', name, file), join(folder, 'packages', name, file)).catch(
        () => undefined,
      );
    }
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const tsconfig = JSON.stringify({
    compilerOptions: { strict: true, types: [] },
    include: ['packages', 'test'],
  });
  await writePlanted(folder, { path: 'tsconfig.json', source: tsconfig });
  const sources = [...plantedLint, ...plantedInnocent, ...plantedSource];
  for (const file of sources) await writePlanted(folder, file);
  await writePlanted(folder, { path: 'packages/core/src/crooked.ts', source: 'export   const crooked=1' });
}

async function writePlanted(folder, { path, source }) {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), `${source}\n`);
}

async function blindLint(folder) {
  const { output } = await capture(process.execPath, [binaries.oxlint, '--format=json'], { cwd: folder });
  const seen = JSON.parse(output.slice(output.indexOf('{'))).diagnostics;
  const sees = ({ path, rule }) =>
    seen.some(({ filename, code }) => filename === path && code.includes(`(${rule})`));
  const missed = plantedLint.filter((planted) => !sees(planted));
  const relevant = new Set(plantedLint.map(({ rule }) => `(${rule})`));
  const accused = seen.filter(
    ({ filename, code }) =>
      plantedInnocent.some(({ path }) => path === filename) &&
      [...relevant].some((rule) => code.includes(rule)),
  );
  return [
    ...missed.map(({ path, rule }) => `oxlint: ${rule} not reported in ${path}`),
    ...accused.map(({ filename, code }) => `oxlint: ${code} reported in the innocent ${filename}`),
  ];
}

async function blindSources(folder) {
  const found = await findBannedSource(folder);
  const isFound = ({ path }) => found.some((finding) => finding.startsWith(`${path}:`));
  return [
    ...plantedSource
      .filter((planted) => !isFound(planted))
      .map(({ path }) => `sources: nothing found in ${path}`),
    ...plantedInnocent.filter(isFound).map(({ path }) => `sources: the innocent ${path} was reported`),
  ];
}

// What each of the other gates must say about the planted workspace.
const gateCommands = (folder) => [
  { gate: 'prettier', args: [binaries.prettier, '--check', 'packages/core/src'], says: /crooked\.ts/ },
  { gate: 'knip', args: [binaries.knip, '--no-progress'], says: /Unused files[^]*crooked\.ts/ },
  {
    gate: 'publint',
    args: [binaries.publint, join(folder, 'packages/core'), '--pack', 'false'],
    says: /does not exist/,
  },
  { gate: 'turbo boundaries', args: [binaries.turbo, 'boundaries'], says: /provider-(vault|aws)/ },
];

async function blindCommands(folder) {
  const blind = [];
  for (const { gate, args, says } of gateCommands(folder)) {
    const { exitCode, output } = await capture(process.execPath, args, {
      cwd: folder,
      env: toolEnvironment(),
    });
    if (exitCode === 0 || !says.test(output)) blind.push(`${gate}: exit code ${exitCode}\n${output}`);
  }
  return blind;
}

function blindCoverage() {
  const blind = plantedCoverage.filter(
    ({ summary, says }) => !findUncovered(summary).some((text) => says.test(text)),
  );
  return [
    ...blind.map(({ says }) => `coverage: nothing said that matches ${says}`),
    ...findUncovered(innocentCoverage).map((text) => `coverage: an innocent summary is accused: ${text}`),
  ];
}
