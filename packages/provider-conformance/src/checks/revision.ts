import { equal, notEqual, ok } from 'node:assert/strict';
import type { PinProvider } from '@pinvault/core';
import { read } from '../bench.js';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows, secondRows } from '../documents.js';
import { expectRows, readDocument } from '../expectations.js';
import type { Rows } from '../harness.js';

const check = checksOf('the revision');

/** Where a revision is known, a provider may answer in two ways: with the document, or that it is unchanged. */
async function expectSame(provider: PinProvider, rows: Rows, knownRevision: string): Promise<void> {
  const result = await read(provider, { knownRevision });
  equal(result.revision, knownRevision);
  if ('unchanged' in result) equal(result.unchanged, true);
  else await expectRows(provider, rows);
}

export const revisionChecks: readonly ProviderCheck[] = [
  check('is a text', [], async (bench) => {
    await bench.backend.publish(firstRows);
    const { revision } = await readDocument(await bench.provider());
    equal(typeof revision, 'string');
    ok(revision !== '' && revision.length <= 256, 'the revision has 1 to 256 characters');
  }),

  check('stays while the document stays, for every reader', [], async (bench) => {
    await bench.backend.publish(firstRows);
    const [first, second] = [await bench.provider(), await bench.provider()];
    const { revision } = await readDocument(first);
    equal((await readDocument(first)).revision, revision);
    equal((await readDocument(second)).revision, revision);
  }),

  check('is another one when the document is another one', [], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const { revision } = await readDocument(provider);
    await bench.backend.publish(secondRows);
    notEqual((await readDocument(provider)).revision, revision);
  }),

  check('that is known brings the document or "unchanged", under the same revision', [], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const { revision } = await readDocument(provider);
    await expectSame(provider, firstRows, revision);
    await expectSame(provider, firstRows, revision);
  }),

  check('that is known is no reason to miss what was published since', [], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const { revision } = await readDocument(provider);
    await bench.backend.publish(secondRows);
    const next = await expectRows(provider, secondRows, { knownRevision: revision });
    await bench.backend.publish(firstRows);
    await expectRows(provider, firstRows, { knownRevision: next.revision });
  }),

  check("that is another store's brings the document", [], async (bench) => {
    await bench.backend.publish(firstRows);
    for (const knownRevision of ['', '0', 'no-revision-of-this-store'])
      await expectRows(await bench.provider(), firstRows, { knownRevision });
  }),
];
