import { equal, match, ok } from 'node:assert/strict';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows, richRows, secondRows } from '../documents.js';
import { expectRows, readDocument } from '../expectations.js';

const check = checksOf('reading');

export const readingChecks: readonly ProviderCheck[] = [
  check('brings the document that was published', [], async (bench) => {
    await bench.backend.publish(firstRows);
    await expectRows(await bench.provider(), firstRows);
  }),

  check('brings every row and every character of it', [], async (bench) => {
    await bench.backend.publish(richRows);
    const { document } = await expectRows(await bench.provider(), richRows);
    // A directive is in no row of the decoded document.
    const text =
      Buffer.isBuffer(document) || document instanceof Uint8Array
        ? Buffer.from(document).toString()
        : document;
    const object = (typeof text === 'string' ? JSON.parse(text) : text) as Record<string, unknown>;
    equal(object['$note'], richRows['$note']);
  }),

  check('brings what was published last, each time', [], async (bench) => {
    const provider = await bench.provider();
    for (const rows of [firstRows, secondRows, firstRows]) {
      await bench.backend.publish(rows);
      await expectRows(provider, rows);
    }
  }),

  check('says when the version was made, or nothing', [], async (bench) => {
    await bench.backend.publish(firstRows);
    const { createdAt } = await readDocument(await bench.provider());
    if (createdAt === undefined) return;
    ok(createdAt instanceof Date, 'createdAt is a Date');
    // A day either way for clocks and zones; seconds taken for milliseconds are decades off.
    ok(Math.abs(createdAt.getTime() - Date.now()) < 86_400_000, `createdAt is ${createdAt.toString()}`);
  }),

  check('has a name that is short and stable', [], async (bench) => {
    const [first, second] = [await bench.provider(), await bench.provider()];
    match(first.name, /^[\w.-]{1,32}$/u, 'name is a word');
    equal(first.name, second.name);
    ok(['document', 'host', undefined].includes(first.scope), 'scope is "document", "host", or left out');
    const interval = first.defaultRefreshIntervalMs;
    ok(interval === undefined || (interval >= 1_000 && interval <= 86_400_000), 'defaultRefreshIntervalMs');
  }),
];
