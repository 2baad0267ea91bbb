import { writeFile } from 'node:fs/promises';
import { type FleetOptions, meanReads, peak, simulateFleet } from './fleet.js';
import { plotFleet } from './plot.js';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('pnpm simulate');
  process.exit(2);
}

const options: FleetOptions = {
  instances: 10_000,
  intervalSeconds: 30,
  outageFrom: 300,
  outageUntil: 900,
  pushAt: 1_800,
  until: 2_400,
  seed: 1,
};
const reads = await simulateFleet(options);
const { outageFrom, outageUntil, pushAt, until } = options;
const mean = meanReads(options);
console.log(
  `${options.instances} instances, interval ${options.intervalSeconds} s: ${Math.round(mean)} reads per second in the mean`,
);
for (const [title, from, to] of [
  ['after the deploy', 0, outageFrom],
  ['the first minute of the outage', outageFrom, outageFrom + 60],
  ['the outage from then on', outageFrom + 60, outageUntil],
  ['after the outage', outageUntil, pushAt],
  ['after the push', pushAt, until],
] as const) {
  const highest = peak(reads.refreshes, from, to);
  console.log(
    `${title.padEnd(31)} peak ${String(highest).padStart(5)} per second, ${(highest / mean).toFixed(2)} x the mean`,
  );
}
await writeFile(file, plotFleet(options, reads));
console.log(`plot: ${file}`);
