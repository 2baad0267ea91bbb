// What a large document costs: decoding against JSON.parse of the same text, each step of its adoption, and how long the
// event loop of a fresh process stands still when it starts on it and when it refreshes it.
import { strict as assert } from 'node:assert';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { decodeDocument } from '@pinvault/core';
import { readArguments } from './support/arguments.mjs';
import { adoptDocument, compareDocuments, Policy, RequiredHosts } from './support/core.mjs';
import { largeDocument } from './support/large-document.mjs';
import { controlLine, goalLine, machineLine, ratioText, tableLines } from './support/report.mjs';
import { median, orderOf, ratios } from './support/rounds.mjs';

const { rounds, hosts, processes } = readArguments({ rounds: 25, hosts: 10_000, processes: 7 });

const text = largeDocument(hosts);
const object = JSON.parse(text);
const before = decodeDocument(largeDocument(hosts, 'before'));
const document = decodeDocument(text);
assert.equal(document.rows.length, hosts);
assert.equal(compareDocuments(before, document).changed.length, Math.ceil(hosts / 100));
const required = new RequiredHosts([{ host: 'h0.svc0.example.com' }]);
const policy = new Policy(document);

const parse = { title: 'JSON.parse A', run: () => JSON.parse(text) };
const control = { title: 'JSON.parse B (control)', run: () => JSON.parse(text) };
const decode = { title: 'decodeDocument, text', run: () => decodeDocument(text) };
const steps = [
  { title: 'decodeDocument, object', run: () => decodeDocument(object) },
  { title: 'adoptDocument, one required host', run: () => adoptDocument(document, before, required) },
  { title: 'compareDocuments', run: () => compareDocuments(before, document) },
  { title: 'new Policy', run: () => new Policy(document) },
  {
    title: 'look-up of every host',
    run: () => document.rows.forEach(({ pattern }) => policy.lookup(pattern, 443)),
  },
  { title: 'structuredClone of the snapshot', run: () => structuredClone(document) },
];
const variants = [parse, control, decode, ...steps];
for (const variant of variants) variant.times = [];
for (let round = -5; round < rounds; round += 1) {
  for (const variant of orderOf(variants, round + 5)) {
    const startedAt = performance.now();
    variant.run();
    if (round >= 0) variant.times.push(performance.now() - startedAt);
  }
}

async function inFreshProcess(what) {
  const child = fork(new URL('support/first-refresh.mjs', import.meta.url), [what, String(hosts)], {
    execArgv: [],
  });
  const [[answer]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
  return answer;
}

async function medians(what) {
  const answers = [];
  for (let index = 0; index < processes; index += 1) answers.push(await inFreshProcess(what));
  return Object.fromEntries(
    Object.keys(answers[0]).map((name) => {
      const numbers = answers.map((answer) => answer[name]);
      return [name, { median: median(numbers), max: Math.max(...numbers) }];
    }),
  );
}

const cold = await medians('decode');
const pauses = await medians('refresh');
const ratio = ratios(decode.times, parse.times);
const controlRatio = ratios(control.times, parse.times);
const coldRow = (title, { median: middle, max }) => [title, middle.toFixed(1), max.toFixed(1)];
const longest = Math.max(...['start', 'rotation', 'again'].map((name) => pauses[name].median));
console.log(
  [
    `a document of ${hosts.toLocaleString('en')} hosts, ${Math.round(text.length / 1_024)} KiB; ${rounds} rounds, interleaved`,
    machineLine(),
    '',
    ...tableLines([
      ['warm', 'median ms', 'to JSON.parse A [min–max of rounds]'],
      ...variants.map((variant) => [
        variant.title,
        median(variant.times).toFixed(1),
        variant === parse ? '1' : ratioText(ratios(variant.times, parse.times)),
      ]),
    ]),
    '',
    ...tableLines([
      [`first time in a fresh process, ${processes} processes`, 'median ms', 'max'],
      coldRow('JSON.parse', cold.parse),
      coldRow('decodeDocument, at once', cold.decode),
      coldRow('longest pause of the event loop: start', pauses.start),
      coldRow('… refresh that rotates', pauses.rotation),
      coldRow('… refresh of the same content', pauses.again),
      coldRow('… status()', pauses.status),
    ]),
    '',
    controlLine(controlRatio),
    goalLine('decode ≤ 15 × JSON.parse', ratio.median <= 15, controlRatio),
    `goal: the event loop never stands still for more than 50 ms: ${longest <= 50 ? 'met' : 'MISSED'} (${longest.toFixed(1)} ms)`,
  ].join('\n'),
);
