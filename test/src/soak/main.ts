import { notFlat, soak, type SoakSample } from './soak.js';

const flag = process.argv.indexOf('--minutes');
const minutes = flag === -1 ? 60 : Number(process.argv[flag + 1]);
if (!(minutes > 0) || !Number.isFinite(minutes)) {
  console.error('pnpm soak [--minutes 60]');
  process.exit(2);
}

const columns = ['minute', 'heap MiB', 'sockets', 'timers', 'requests', 'lost', 'rotations', 'reads'];

function line({ at, heapMiB, sockets, timers, requests, lost, rotations, reads }: SoakSample): string {
  const cells = [at.toFixed(1), heapMiB.toFixed(1), sockets, timers, requests, lost, rotations, reads];
  return cells.map((cell, index) => String(cell).padStart(columns[index]?.length ?? 0)).join('  ');
}

let isFirst = true;
const { samples, failures } = await soak({
  minutes,
  samples: Math.max(4, Math.round(minutes)),
  requestsPerSecond: 50,
  onSample: (sample, vault) => {
    if (isFirst)
      console.log(
        `a rotation every second under 50 requests per second, with ${vault}\n${columns.join('  ')}`,
      );
    isFirst = false;
    console.log(line(sample));
  },
});
const lost = samples.at(-1)?.lost ?? 0;
const grown = notFlat(samples);
for (const failure of failures) console.log(`lost: ${failure}`);
console.log(
  `${lost} lost; ${grown.length === 0 ? 'heap, sockets and timers are flat' : `grown: ${grown.join(', ')}`}`,
);
process.exitCode = lost === 0 && grown.length === 0 ? 0 : 1;
