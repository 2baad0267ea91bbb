import { equal } from 'node:assert/strict';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows, pin } from '../documents.js';
import { expectRefusal, expectRows, settled } from '../expectations.js';
import { read } from '../bench.js';

const check = checksOf('one secret per host');

const rowsOf = (index: number): Record<string, string> => ({
  [`host-${String(index)}.example.com`]: pin(index),
});

export const perHostChecks: readonly ProviderCheck[] = [
  check('is what the scope says', ['createPerHost'], async (bench) => {
    equal((await bench.provider('per-host')).scope, 'host');
  }),

  check('brings the document of the host that was asked for', ['createPerHost'], async (bench) => {
    const provider = await bench.provider('per-host');
    for (const index of [1, 2])
      await bench.use('publishFor')(`host-${String(index)}.example.com`, rowsOf(index));
    for (const index of [2, 1])
      await expectRows(provider, rowsOf(index), { host: `host-${String(index)}.example.com` });
  }),

  check('is not found for a host that has none', ['createPerHost'], async (bench) => {
    await bench.use('publishFor')('api.example.com', firstRows);
    const provider = await bench.provider('per-host');
    await expectRefusal(provider, 'ERR_PROVIDER_NOT_FOUND', { host: 'other.example.com' });
  }),

  check(
    'never mixes hosts that are read at the same time, nor a missing one among them',
    ['createPerHost'],
    async (bench) => {
      const provider = await bench.provider('per-host');
      // More than the twenty that one call of some stores takes.
      const indexes = Array.from({ length: 25 }, (_each, index) => index);
      for (const index of indexes) {
        if (index !== 13) await bench.use('publishFor')(`host-${String(index)}.example.com`, rowsOf(index));
      }
      await Promise.all(
        indexes.map(async (index) => {
          const host = `host-${String(index)}.example.com`;
          if (index === 13) await expectRefusal(provider, 'ERR_PROVIDER_NOT_FOUND', { host });
          else await expectRows(provider, rowsOf(index), { host });
        }),
      );
    },
  ),

  check('is never read outside its folder, whatever the host', ['createPerHost'], async (bench) => {
    await bench.backend.publish(firstRows);
    await bench.use('publishFor')('api.example.com', firstRows);
    const provider = await bench.provider('per-host');
    for (const host of [
      '..',
      '../tls-pins',
      'a/../../tls-pins',
      'api.example.com/',
      'x?version=1',
      '',
      '%2e%2e',
    ]) {
      const outcome = await settled(read(provider, { host }));
      equal('error' in outcome, true, `the host "${host}" brought a document`);
    }
  }),
];
