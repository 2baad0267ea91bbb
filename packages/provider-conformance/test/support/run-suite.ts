import { type ProviderCheck, providerChecks, type ProviderHarness } from '#src/index.js';

/** What failed, as `topic: title`, and why. */
export async function failuresOf(harness: ProviderHarness): Promise<ReadonlyMap<string, unknown>> {
  const failures = new Map<string, unknown>();
  const run = async (check: ProviderCheck): Promise<void> => {
    try {
      await check.run(harness);
    } catch (error) {
      failures.set(`${check.topic}: ${check.title}`, error);
    }
  };
  // These count what is open in the whole process: nothing else may run beside them.
  const alone = providerChecks.filter(({ topic }) => topic === 'open handles');
  await Promise.all(providerChecks.filter((check) => !alone.includes(check)).map(run));
  for (const check of alone) await run(check);
  return failures;
}
