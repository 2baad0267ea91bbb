import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { runQuiet } from './commands.mjs';
import { testEnvironment } from './environment.mjs';
import { binaries, root } from './paths.mjs';
import { StepFailed } from './steps.mjs';

const core = join(root, 'packages/core');
const metrics = ['lines', 'statements', 'functions', 'branches'];

// What decides whether a connection is good is covered completely, file by file; the rest as a whole.
const complete = /^src\/(?:pin|policy|verify)\//;
const completeFolders = ['src/pin/', 'src/policy/', 'src/verify/'];
const restPercent = 95;

/** Runs the core's unit tests under c8 and says how far the core is covered; too little is a failure. */
export async function checkCoverage() {
  const folder = await mkdtemp(join(tmpdir(), 'pinvault-coverage-'));
  try {
    await runQuiet(process.execPath, [binaries.c8, ...c8Options(folder), ...testRun], {
      cwd: core,
      env: testEnvironment(),
    });
    const summary = relativeSummary(
      JSON.parse(await readFile(join(folder, 'coverage-summary.json'), 'utf8')),
    );
    const findings = findUncovered(summary);
    if (findings.length > 0) throw new StepFailed(findings.join('\n'));
    return `${Object.keys(summary).length} files, the rest of the core at ${leastOf(summary)} %`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const testRun = [
  process.execPath,
  binaries.mocha,
  '--no-config',
  '--timeout=20000',
  '--reporter=dot',
  'dist-test/**/*.test.js',
];

// These hold types alone and compile to nothing, which c8 would call uncovered.
const c8Options = (folder) => [
  '--clean',
  '--all',
  '--src=src',
  '--include=src/**',
  '--exclude=src/provider.ts',
  '--exclude=src/resolver/pin-store.ts',
  '--exclude-after-remap',
  '--reporter=json-summary',
  `--reports-dir=${folder}`,
  `--temp-directory=${join(folder, 'raw')}`,
];

function relativeSummary({ total: _total, ...files }) {
  return Object.fromEntries(
    Object.entries(files).map(([path, numbers]) => [relative(core, path).split(sep).join('/'), numbers]),
  );
}

/** What is covered too little, of a summary by c8 with paths relative to packages/core; also where nothing was seen. */
export function findUncovered(summary) {
  const files = Object.entries(summary);
  const unseen = completeFolders.filter((folder) => !files.some(([path]) => path.startsWith(folder)));
  const incomplete = files
    .filter(([path]) => complete.test(path))
    .flatMap(([path, numbers]) =>
      metrics
        .filter((metric) => numbers[metric].covered < numbers[metric].total)
        .map((metric) => `${path}: ${numbers[metric].pct} % of the ${metric}, it has to be all`),
    );
  const low = metrics
    .map((metric) => ({ metric, percent: restOf(summary, metric) }))
    .filter(({ percent }) => !(percent >= restPercent))
    .map(
      ({ metric, percent }) => `the rest of the core: ${percent} % of the ${metric}, at least ${restPercent}`,
    );
  return [...unseen.map((folder) => `${folder}: no file was seen`), ...incomplete, ...low];
}

function restOf(summary, metric) {
  const rest = Object.entries(summary).filter(([path]) => !complete.test(path));
  const sum = (field) => rest.reduce((total, [, numbers]) => total + numbers[metric][field], 0);
  return Math.floor((sum('covered') / sum('total')) * 1000) / 10;
}

function leastOf(summary) {
  return Math.min(...metrics.map((metric) => restOf(summary, metric)));
}
