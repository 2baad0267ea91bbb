import { deepEqual } from 'node:assert/strict';
import { Bench } from '../bench.js';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows, secondRows } from '../documents.js';
import { expectRows } from '../expectations.js';
import { capabilities, type Capability } from '../harness.js';

const check = checksOf('the harness');

export const harnessChecks: readonly ProviderCheck[] = [
  check('offers each capability, or says why not', [], async (bench, { cannot = {} }) => {
    const provider = await bench.provider();
    const isOffered = (name: Capability): boolean => {
      if (name === 'absence') return cannot.absence === undefined;
      return name === 'close' ? provider.close !== undefined : bench.backend[name] !== undefined;
    };
    const unexplained = capabilities.filter((name) => !isOffered(name) && (cannot[name] ?? '') === '');
    deepEqual(unexplained, [], 'neither offered nor explained under "cannot"');
    const contradictory = capabilities.filter((name) => isOffered(name) && cannot[name] !== undefined);
    deepEqual(contradictory, [], 'offered, and under "cannot", too');
  }),

  check('gives each check a store of its own', [], async (bench, harness) => {
    const other = await Bench.start(harness);
    try {
      await bench.backend.publish(firstRows);
      await other.backend.publish(secondRows);
      await expectRows(await bench.provider(), firstRows);
    } finally {
      await other.end();
    }
  }),
];
