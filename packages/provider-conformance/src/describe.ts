import { type ProviderCheck, pendingReason } from './check.js';
import { providerChecks } from './checks.js';
import type { ProviderHarness } from './harness.js';

/** What of a test runner the suite needs. The globals of mocha, vitest and jest have this shape, and so has `node:test`. */
export interface TestRunner {
  describe(title: string, define: () => void): unknown;
  readonly it: {
    (title: string, run: () => Promise<void>): unknown;
    /** Shows a test that does not run. */
    skip(title: string, run: () => Promise<void>): unknown;
  };
}

/**
 * Declares the whole suite for one provider: a `describe` for each topic, an `it` for each fact. What the harness cannot
 * do is pending, with the reason in its title.
 *
 * @param runner - @defaultValue the globals `describe` and `it`, as mocha sets them
 * @example
 * describePinProvider('my store', { start: async () => myBackend(), cannot: { disable: 'it has no such state' } });
 */
export function describePinProvider(
  name: string,
  harness: ProviderHarness,
  runner: TestRunner = globalRunner(),
): void {
  runner.describe(`the pin provider ${name}`, () => {
    for (const [topic, checks] of groupByTopic()) {
      runner.describe(topic, () => {
        for (const check of checks) declare(check, harness, runner);
      });
    }
  });
}

function declare(check: ProviderCheck, harness: ProviderHarness, { it }: TestRunner): void {
  const run = async (): Promise<void> => check.run(harness);
  const reason = pendingReason(check, harness);
  if (reason === undefined) it(check.title, run);
  else it.skip(`${check.title} (${reason})`, run);
}

function groupByTopic(): Map<string, ProviderCheck[]> {
  const topics = new Map<string, ProviderCheck[]>();
  for (const check of providerChecks) topics.set(check.topic, [...(topics.get(check.topic) ?? []), check]);
  return topics;
}

function globalRunner(): TestRunner {
  const { describe, it } = globalThis as Partial<TestRunner>;
  if (describe === undefined || it === undefined)
    throw new TypeError('there is no global describe and it: pass { describe, it } of your runner');
  return { describe, it };
}
