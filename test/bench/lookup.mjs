// Look-ups of the pattern that governs a host, in maps of different sizes, hit and miss. Each host is looked up once: a
// string that was a key before has its hash with it, and nobody's host has.
import { strict as assert } from 'node:assert';
import { readArguments } from './support/arguments.mjs';
import { HostPatternMap, normaliseHost } from './support/core.mjs';
import { controlLine, goalLine, machineLine, ratioText, tableLines } from './support/report.mjs';
import { median, orderOf, ratios } from './support/rounds.mjs';

const { rounds, lookups } = readArguments({ rounds: 15, lookups: 20_000 });
const sizes = [10, 100, 1_000, 10_000, 100_000];
const port = 443;

/** Of ten patterns, six are exact, one has a port, two are `*.` and one is `**.`. */
function patternOf(index) {
  const kind = index % 10;
  if (kind < 6) return `h${index}.svc.example.com`;
  if (kind === 6) return `h${index}.svc.example.com:${port}`;
  return kind < 9 ? `*.w${index}.example.com` : `**.d${index}.example.com`;
}

// The host for the n-th pattern of its kind, and whether anything governs it.
const kinds = [
  { title: 'exact', host: (n) => `h${n * 10}.svc.example.com`, hits: true },
  { title: 'exact, with port', host: (n) => `h${n * 10 + 6}.svc.example.com`, hits: true },
  { title: '*.', host: (n) => `a.w${n * 10 + 7}.example.com`, hits: true },
  { title: '**., 4 labels up', host: (n) => `a.b.c.e.d${n * 10 + 9}.example.com`, hits: true },
  { title: 'miss, 4 labels', host: (n) => `h${n}.svc.example.org`, hits: false },
  { title: 'miss, 10 labels', host: (n) => `a.b.c.d.e.f.h${n}.svc.example.org`, hits: false },
];

// A string of its own, flat and without a hash, as a socket hands it over.
const fresh = (text) => Buffer.from(text).toString('latin1');

function run(map, { host, hits }, size) {
  const hosts = Array.from({ length: lookups }, (_, index) => fresh(host((index * 7_919) % (size / 10))));
  let found = 0;
  const startedAt = performance.now();
  for (const each of hosts) if (map.find(each, port).found) found += 1;
  const seconds = (performance.now() - startedAt) / 1_000;
  assert.equal(found, hits ? lookups : 0);
  return lookups / seconds;
}

const maps = new Map();
for (const size of sizes) {
  const map = new HostPatternMap();
  for (let index = 0; index < size; index += 1) map.set(patternOf(index), index);
  maps.set(size, map);
}
const variants = sizes.flatMap((size) => kinds.map((kind) => ({ size, kind, rates: [] })));
const judged = variants.filter(({ size }) => size === 10_000);
const control = { size: 10_000, kind: kinds[0], rates: [] };
variants.push(control);
for (let round = -2; round < rounds; round += 1) {
  for (const variant of orderOf(variants, round + 2)) {
    const rate = run(maps.get(variant.size), variant.kind, variant.size);
    if (round >= 0) variant.rates.push(rate);
  }
}

const [plain] = judged;
const controlRatio = ratios(control.rates, plain.rates);
const millions = (rate) => (rate / 1e6).toFixed(2);
const rows = kinds.map((kind) => [
  kind.title,
  ...sizes.map((size) => {
    const { rates } = variants.find((each) => each.kind === kind && each.size === size);
    return millions(median(rates));
  }),
]);

// Spellings that Node hands over; the first is the form in which hosts are compared.
const spellings = [
  ['api.example.com', 'lower case'],
  ['API.Example.com', 'upper case'],
  ['api.example.com.', 'dot at the end'],
  ['b\u00fccher.example.com', 'U-label'],
  ['xn--bcher-kva.example.com', 'A-label'],
  ['10.0.0.1', 'IPv4'],
  ['2001:db8::1', 'IPv6'],
  ['[2001:db8::1]', 'IPv6 in brackets'],
  ['::ffff:10.0.0.1', 'IPv4-mapped'],
];
const normalised = spellings.map(() => []);
for (let round = -2; round < rounds; round += 1) {
  for (const [index, [text]] of spellings.entries()) {
    const hosts = Array.from({ length: 2_000 }, () => Buffer.from(text).toString());
    const startedAt = performance.now();
    for (const host of hosts) normaliseHost(host);
    if (round >= 0) normalised[index].push(((performance.now() - startedAt) * 1_000) / hosts.length);
  }
}

const slowest = Math.min(...judged.map(({ rates }) => median(rates)));
console.log(
  [
    `look-ups of one host, millions a second on one core; ${rounds} rounds × ${lookups} of each, interleaved`,
    machineLine(),
    '',
    ...tableLines([['patterns', ...sizes.map((size) => size.toLocaleString('en'))], ...rows]),
    '',
    ...tableLines([
      ['normalising a host', 'median µs'],
      ...spellings.map(([, title], index) => [title, median(normalised[index]).toFixed(2)]),
    ]),
    '',
    `exact at 10,000 again: ${ratioText(controlRatio)}`,
    controlLine(controlRatio),
    goalLine(
      `≥ 1 million a second at 10,000 patterns, hit or miss (slowest: ${millions(slowest)})`,
      slowest >= 1e6,
      controlRatio,
    ),
  ].join('\n'),
);
