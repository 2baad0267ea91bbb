// What `import 'pinvault'` costs a process at its start: fresh processes, interleaved, from spawn to exit.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readArguments } from './support/arguments.mjs';
import { goalLine, machineLine, tableLines } from './support/report.mjs';
import { median, orderOf } from './support/rounds.mjs';

const { rounds } = readArguments({ rounds: 40 });
const goalMs = 15;

const variants = [
  { title: 'bare A', source: '', times: [] },
  { title: 'bare B (control)', source: '', times: [] },
  { title: "import 'pinvault'", source: "import 'pinvault';", times: [] },
];

function run({ source, times }) {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  times.push(performance.now() - startedAt);
  assert.equal(status, 0, String(stderr));
}

// The first runs fill the disk cache.
for (let round = -3; round < rounds; round += 1) {
  for (const variant of orderOf(variants, round + 3)) run(variant);
  if (round < 0) for (const { times } of variants) times.length = 0;
}

const [bare, control, pinvault] = variants;
const overBare = ({ times }) => median(times.map((time, round) => time - bare.times[round]));
const ms = (number) => `${number.toFixed(1)} ms`;
const rows = variants.map((variant) => [
  variant.title,
  ms(median(variant.times)),
  ms(Math.min(...variant.times)),
  ms(overBare(variant)),
]);
console.log(machineLine());
console.log(`${rounds} rounds; a process from spawn to exit\n`);
console.log(tableLines([['', 'median', 'least', 'over bare A, median of pairs'], ...rows]).join('\n'));
const noise = Math.abs(overBare(control));
console.log(`\ncontrol (bare B over bare A): ${ms(overBare(control))}`);
// The goal is judged where two runs of the same thing differ by less than a fifth of it.
const spread = noise > goalMs / 5 ? { min: 0, max: 1 } : { min: 0, max: 0 };
console.log(goalLine(`at most ${goalMs} ms over bare Node`, overBare(pinvault) <= goalMs, spread));
