import { ok } from 'node:assert/strict';
import type { PinErrorCode } from '@pinvault/core';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows } from '../documents.js';
import { expectRefusal, expectRows, readDocument } from '../expectations.js';

const check = checksOf('a store that is away');
const unavailable: PinErrorCode = 'ERR_PROVIDER_UNAVAILABLE';

// A first attempt, and two more, each with what a log-in or a look at the version may cost.
const mostRequests = 6;

export const awayChecks: readonly ProviderCheck[] = [
  check('is unavailable when nothing listens', ['goOffline'], async (bench) => {
    await bench.backend.publish(firstRows);
    await bench.use('goOffline')();
    await expectRefusal(await bench.provider(), unavailable);
  }),

  check(
    'is unavailable when it goes away between two reads, also where the revision is known',
    ['goOffline'],
    async (bench) => {
      const provider = await bench.provider();
      await bench.backend.publish(firstRows);
      const { revision } = await readDocument(provider);
      await bench.use('goOffline')();
      await expectRefusal(provider, unavailable);
      await expectRefusal(provider, unavailable, { knownRevision: revision });
    },
  ),

  check('is read again when it is back', ['goOffline'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    await expectRows(provider, firstRows);
    await bench.use('goOffline')();
    await expectRefusal(provider, unavailable);
    await bench.use('restore')();
    await expectRows(provider, firstRows);
  }),

  check('is unavailable when it fails, and read again afterwards', ['fail'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const { revision } = await readDocument(provider);
    await bench.use('fail')();
    await expectRefusal(provider, unavailable);
    await expectRefusal(provider, unavailable, { knownRevision: revision });
    await bench.use('restore')();
    await expectRows(provider, firstRows);
  }),

  check('is asked a few times at most for one read', ['fail', 'requests'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    await expectRows(provider, firstRows);
    await bench.use('fail')();
    const before = bench.use('requests')();
    await expectRefusal(provider, unavailable);
    const asked = bench.use('requests')() - before;
    ok(asked >= 1, 'the store was not asked at all');
    ok(
      asked <= mostRequests,
      `the store was asked ${String(asked)} times for one read: the resolver owns retries`,
    );
  }),
];
