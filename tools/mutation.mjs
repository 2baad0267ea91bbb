// `pnpm mutation [FOLDER…]`: changes the compiled core a little, some thousand times, and looks whether a test goes red.
// What survived is printed; docs/mutation.md says why it may.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';
import { root } from './paths.mjs';
import { exitWith, StepFailed } from './steps.mjs';
import { build, install } from './workspace.mjs';

const folders = ['pin', 'policy', 'verify'];
// Not those that are random at length: a mutant is to die by a test that sees it every time.
const testFolders = ['pin', 'policy', 'verify', 'vectors'];
const leastScore = 90;
const core = 'packages/core';

async function testFiles() {
  const lists = await Promise.all(
    testFolders.map(async (folder) => {
      const names = await readdir(join(root, core, 'dist-test', folder));
      return names
        .filter((name) => name.endsWith('.test.js'))
        .map((name) => `${core}/dist-test/${folder}/${name}`);
    }),
  );
  return lists.flat();
}

/** The mutants of one folder, each with what became of it. */
async function mutate(folder, mochaFiles, concurrency) {
  const options = {
    testRunner: 'mocha',
    plugins: [join(root, 'tools/mutation-runner.mjs')],
    mochaFiles,
    mutate: [`${core}/dist/${folder}/*.js`],
    // The sandbox holds what the tests read, and nothing else.
    ignorePatterns: [
      '**',
      '!packages',
      `!${core}`,
      `!${core}/{dist,dist-test,test}`,
      `!${core}/{dist,dist-test,test}/**`,
      `!${core}/package.json`,
      '!package.json',
      '!docs',
      '!docs/document.md',
      '!test',
      '!test/vectors',
      '!test/vectors/**',
    ],
    coverageAnalysis: 'perTest',
    concurrency,
    reporters: ['clear-text', 'progress-append-only'],
    clearTextReporter: { logTests: false, reportTests: false, reportScoreTable: false },
    tempDirName: '.cache/mutation',
    timeoutMS: 5_000,
    timeoutFactor: 2,
  };
  return new Stryker(options).runMutationTest();
}

function scoreOf(mutants) {
  const count = (...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length;
  const [killed, survived] = [count('Killed', 'Timeout'), count('Survived', 'NoCoverage')];
  return { killed, survived, score: (killed / (killed + survived)) * 100 };
}

async function main(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { concurrency: { type: 'string', default: '2' } },
  });
  const unknown = positionals.find((folder) => !folders.includes(folder));
  if (unknown) throw new StepFailed(`${unknown} is none of the folders ${folders.join(', ')}`);
  await install();
  await build();
  const files = await testFiles();
  const lines = [];
  for (const folder of positionals.length > 0 ? positionals : folders) {
    const { killed, survived, score } = scoreOf(await mutate(folder, files, Number(values.concurrency)));
    lines.push({
      folder,
      score,
      text: `${folder}: ${score.toFixed(1)} % (${killed} killed, ${survived} survived)`,
    });
  }
  console.log(lines.map(({ text }) => text).join('\n'));
  return lines.every(({ score }) => score >= leastScore) ? 0 : 1;
}

void exitWith(() => main(process.argv.slice(2)));
