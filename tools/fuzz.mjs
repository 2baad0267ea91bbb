// The properties of packages/core/test/fuzz, at length: `pnpm fuzz [--runs N] [--seed S] [--only NAME] [--path P]`.
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from './paths.mjs';
import { exitWith, StepFailed } from './steps.mjs';
import { build, install } from './workspace.mjs';

const defaultRuns = 5_000;
// A failure is repeated from the beginning of its slice, and progress is told between slices.
const sliceRuns = 1_000;

function readOptions(args) {
  const options = { runs: 'string', seed: 'string', only: 'string', path: 'string' };
  const described = Object.fromEntries(Object.entries(options).map(([name, type]) => [name, { type }]));
  const { values } = parseArgs({ args, options: described });
  const number = (name, byDefault) => {
    const text = values[name];
    if (text === undefined) return byDefault;
    if (!/^-?\d{1,10}$/.test(text)) throw new StepFailed(`--${name} is a whole number`);
    return Number(text);
  };
  return {
    runs: number('runs', defaultRuns),
    seed: number('seed', randomInt(2 ** 31)),
    only: values.only,
    path: values.path,
  };
}

/** Seeds that lie far apart: a generator makes similar values out of neighbouring ones. The first slice has the seed itself. */
const seedOf = (seed, slice) => (seed + Math.imul(slice, 0x9e3779b1)) | 0;

function fuzz({ name, check }, { runs, seed, path }, tell) {
  for (let done = 0, slice = 0; done < runs; slice += 1) {
    const parameters = { numRuns: Math.min(sliceRuns, runs - done), seed: seedOf(seed, slice) };
    const details = check(path === undefined ? parameters : { ...parameters, path, endOnFailure: true });
    done += details.numRuns;
    if (details.failed) {
      const again = `pnpm fuzz --only ${name} --seed=${details.seed} --path="${details.counterexamplePath}"`;
      return { done, details, again };
    }
    tell(done);
  }
  return { done: runs };
}

async function main(args) {
  const options = readOptions(args);
  await install();
  await build();
  const module = join(root, 'packages/core/dist-test/fuzz/all.js');
  const { properties, report } = await import(pathToFileURL(module).href);
  const names = properties.map(({ name }) => name);
  if (options.only !== undefined && !names.includes(options.only))
    throw new StepFailed(`there is no property ${String(options.only)}; there are ${names.join(', ')}`);
  console.log(
    `\n${options.runs} runs of each property, seed ${options.seed}, Node ${process.versions.node}\n`,
  );
  const chosen = properties.filter(({ name }) => options.only === undefined || name === options.only);
  const failed = [];
  let total = 0;
  for (const property of chosen) {
    const startedAt = performance.now();
    const { done, details, again } = fuzz(property, options, (count) => {
      if (process.stdout.isTTY) process.stdout.write(`\r  … ${property.name}: ${count}\u001B[K`);
    });
    total += done;
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    if (process.stdout.isTTY) process.stdout.write('\r\u001B[K');
    console.log(`  ${again ? '✗' : '✓'} ${property.name}: ${property.fact} (${done} runs, ${seconds} s)`);
    if (again === undefined) continue;
    failed.push(again);
    console.log(`\n${report(details)}\n\n  ${again}\n`);
  }
  console.log(`\n${chosen.length - failed.length} properties hold, ${failed.length} do not; ${total} runs`);
  for (const again of failed) console.log(`  ${again}`);
  return failed.length === 0 ? 0 : 1;
}

void exitWith(() => main(process.argv.slice(2)));
