import { stress } from './stress.js';

const [requests = 100_000, rotationMs = 200] = ['--requests', '--rotation-ms'].map((name) => {
  const flag = process.argv.indexOf(name);
  return flag === -1 ? undefined : Number(process.argv[flag + 1]);
});
if (!Number.isSafeInteger(requests) || requests < 1 || !(rotationMs > 0)) {
  console.error('pnpm stress [--requests 100000] [--rotation-ms 200]');
  process.exit(2);
}

const startedAt = performance.now();
const result = await stress({ requests, rotationMs });
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
const { rotations, connections, resumed, onRemovedPin, lost } = result;
console.log(
  `${requests} requests in ${seconds} s, ${rotations} rotations, ${connections} connections (${resumed} resumed)`,
);
console.log(`${onRemovedPin} on a removed pin, ${lost.length} lost`);
for (const reason of new Set(lost)) console.log(`lost: ${reason}`);
process.exitCode = onRemovedPin === 0 && lost.length === 0 ? 0 : 1;
