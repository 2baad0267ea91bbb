import { ok } from 'node:assert/strict';
import { decodeDocument, PinError, type PinErrorCode } from '@pinvault/core';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows, pin } from '../documents.js';
import { documentCodes, documentRefusal, expectRows } from '../expectations.js';

const check = checksOf('an answer that is no document');

/** That an error says what is wrong with a document; by its code, since another copy of the core may have made it. */
function expectCode(error: unknown, codes: readonly PinErrorCode[]): void {
  ok(PinError.isPinError(error), 'an error of pinvault was due');
  ok(codes.includes(error.code), `${error.code} was told, and ${codes.join(' or ')} was due`);
}

// JSON escapes double it; a store may well be slower to take it than to refuse it.
const oversize = 1_200_000;

export const noDocumentChecks: readonly ProviderCheck[] = [
  check('is an error when something else answers in place of the store', ['answerGarbage'], async (bench) => {
    await bench.backend.publish(firstRows);
    await bench.use('answerGarbage')();
    const provider = await bench.provider();
    expectCode(await documentRefusal(provider), ['ERR_DOCUMENT_MALFORMED', 'ERR_PROVIDER_UNAVAILABLE']);
    await bench.use('restore')();
    await expectRows(provider, firstRows);
  }),

  check('is refused where it is a text that is no JSON', ['publishText'], async (bench) => {
    const provider = await bench.provider();
    for (const text of [
      'api.example.com = none',
      `{"api.example.com":"${pin(1)}"`,
      '<html></html>',
      '[]',
      'null',
    ]) {
      await bench.use('publishText')(text);
      expectCode(await documentRefusal(provider), documentCodes);
    }
  }),

  check('is refused where it is empty', ['publishText'], async (bench) => {
    const provider = await bench.provider();
    for (const text of [' ', '{}']) {
      await bench.use('publishText')(text);
      // A store may hold an empty text as none at all.
      expectCode(await documentRefusal(provider), [...documentCodes, 'ERR_PROVIDER_NOT_FOUND']);
    }
  }),

  check('is refused where the same key stands in it twice', ['publishText'], async (bench) => {
    await bench.use('publishText')(`{"api.example.com":"${pin(1)}","api.example.com":"none"}`);
    expectCode(await documentRefusal(await bench.provider()), ['ERR_DOCUMENT_MALFORMED']);
  }),

  check('is refused where its bytes are no UTF-8', ['publishBytes'], async (bench) => {
    const text = Buffer.from(`{"$note":"x","api.example.com":"${pin(1)}"}`);
    text[text.indexOf('x')] = 0xff;
    await bench.use('publishBytes')(text);
    expectCode(await documentRefusal(await bench.provider()), ['ERR_DOCUMENT_MALFORMED']);
  }),

  check('is a document where its bytes are UTF-8', ['publishBytes'], async (bench) => {
    const rows = { ...firstRows, $note: 'äöü €' };
    await bench.use('publishBytes')(Buffer.from(JSON.stringify(rows)));
    await expectRows(await bench.provider(), rows);
  }),

  check('is refused where it is too large', ['publishText'], async (bench) => {
    await bench.use('publishText')(JSON.stringify({ ...firstRows, $note: 'x'.repeat(oversize) }));
    expectCode(await documentRefusal(await bench.provider()), ['ERR_DOCUMENT_TOO_LARGE']);
  }),

  check('is replaced by the next good one', ['publishText'], async (bench) => {
    const provider = await bench.provider();
    await bench.use('publishText')('{');
    await documentRefusal(provider);
    await bench.backend.publish(firstRows);
    const { document } = await expectRows(provider, firstRows);
    ok(decodeDocument(document).rows.length === 1);
  }),
];
