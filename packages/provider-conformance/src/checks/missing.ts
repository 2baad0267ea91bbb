import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows, secondRows } from '../documents.js';
import { expectRefusal, expectRows, readDocument } from '../expectations.js';

const missing = checksOf('a secret that is not there');
const gone = checksOf('a secret that was deleted or disabled');

export const missingChecks: readonly ProviderCheck[] = [
  missing('is not found', ['absence'], async (bench) => {
    await expectRefusal(await bench.provider(), 'ERR_PROVIDER_NOT_FOUND');
  }),

  missing('is not found either where a revision is known', ['absence'], async (bench) => {
    await expectRefusal(await bench.provider(), 'ERR_PROVIDER_NOT_FOUND', { knownRevision: '1' });
  }),

  missing('is read once it is there', ['absence'], async (bench) => {
    const provider = await bench.provider();
    await expectRefusal(provider, 'ERR_PROVIDER_NOT_FOUND');
    await bench.backend.publish(firstRows);
    await expectRows(provider, firstRows);
  }),

  gone('is not found after it was deleted', ['remove'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    await expectRows(provider, firstRows);
    await bench.use('remove')();
    await expectRefusal(provider, 'ERR_PROVIDER_NOT_FOUND');
  }),

  gone('is not "unchanged" after it was deleted', ['remove'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const { revision } = await readDocument(provider);
    await bench.use('remove')();
    await expectRefusal(provider, 'ERR_PROVIDER_NOT_FOUND', { knownRevision: revision });
  }),

  gone('is read again after it was deleted and written anew', ['remove'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    await expectRows(provider, firstRows);
    await bench.use('remove')();
    await expectRefusal(provider, 'ERR_PROVIDER_NOT_FOUND');
    await bench.backend.publish(secondRows);
    await expectRows(provider, secondRows);
  }),

  gone('is not found while its newest version is switched off', ['disable'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const { revision } = await readDocument(provider);
    await bench.use('disable')();
    await expectRefusal(provider, 'ERR_PROVIDER_NOT_FOUND');
    await expectRefusal(provider, 'ERR_PROVIDER_NOT_FOUND', { knownRevision: revision });
    await bench.backend.publish(secondRows);
    await expectRows(provider, secondRows);
  }),
];
