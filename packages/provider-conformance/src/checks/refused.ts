import { equal } from 'node:assert/strict';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows, secondRows } from '../documents.js';
import { expectRefusal, expectRows, readDocument } from '../expectations.js';

const denied = checksOf('a read that is denied');
const throttled = checksOf('a store that throttles');
const expired = checksOf('credentials that expire');

export const refusedChecks: readonly ProviderCheck[] = [
  denied('is denied, and not "not found"', ['deny'], async (bench) => {
    await bench.backend.publish(firstRows);
    await bench.use('deny')();
    await expectRefusal(await bench.provider(), 'ERR_PROVIDER_DENIED');
  }),

  denied('is denied also where the revision is known', ['deny'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const { revision } = await readDocument(provider);
    await bench.use('deny')();
    await expectRefusal(provider, 'ERR_PROVIDER_DENIED', { knownRevision: revision });
  }),

  denied('is allowed again without a new provider', ['deny'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    await bench.use('deny')();
    await expectRefusal(provider, 'ERR_PROVIDER_DENIED');
    await bench.use('restore')();
    await expectRows(provider, firstRows);
  }),

  throttled(
    'is told apart from one that is away, with the time that it asks for',
    ['throttle'],
    async (bench) => {
      const provider = await bench.provider();
      await bench.backend.publish(firstRows);
      await expectRows(provider, firstRows);
      const retryAfterMs = await bench.use('throttle')();
      const error = await expectRefusal(provider, 'ERR_PROVIDER_THROTTLED');
      if (typeof retryAfterMs === 'number') equal(error.retryAfterMs, retryAfterMs, 'error.retryAfterMs');
    },
  ),

  throttled('is read again afterwards', ['throttle'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    await bench.use('throttle')();
    await expectRefusal(provider, 'ERR_PROVIDER_THROTTLED');
    await bench.use('restore')();
    await expectRows(provider, firstRows);
  }),

  expired('are a denied read', ['expireCredentials'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const { revision } = await expectRows(provider, firstRows);
    await bench.use('expireCredentials')();
    await expectRefusal(provider, 'ERR_PROVIDER_DENIED');
    await expectRefusal(provider, 'ERR_PROVIDER_DENIED', { knownRevision: revision });
  }),

  expired('are replaced by new ones without a new provider', ['expireCredentials'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    await expectRows(provider, firstRows);
    await bench.use('expireCredentials')();
    await expectRefusal(provider, 'ERR_PROVIDER_DENIED');
    await bench.use('renewCredentials')();
    await bench.backend.publish(secondRows);
    await expectRows(provider, secondRows);
  }),
];
