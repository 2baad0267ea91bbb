import { Bench } from './bench.js';
import type { Capability, ProviderHarness } from './harness.js';

/** What a provider owes, in the order in which the suite tells it. */
export type Topic =
  | 'the harness'
  | 'reading'
  | 'the revision'
  | 'a secret that is not there'
  | 'a secret that was deleted or disabled'
  | 'a read that is denied'
  | 'a store that throttles'
  | 'a store that is away'
  | 'an answer that is no document'
  | 'abort and timeout'
  | 'reads at the same time'
  | 'credentials that expire'
  | 'one secret per host'
  | 'close'
  | 'open handles'
  | 'no secret in any error';

/** One fact about a provider, of any runner's making. */
export interface ProviderCheck {
  readonly topic: Topic;
  /** A fact in the present tense, unique in the whole suite. */
  readonly title: string;
  /** What the harness has to offer for it. */
  readonly needs: readonly Capability[];
  /** Starts a store of its own, checks, and ends the store. @throws AssertionError, or what harness or provider threw */
  run(harness: ProviderHarness): Promise<void>;
}

/** The first reason, under `cannot`, why a check is pending; `undefined` where it runs. */
export function pendingReason(check: ProviderCheck, { cannot = {} }: ProviderHarness): string | undefined {
  const lacking = check.needs.find((need) => cannot[need] !== undefined);
  return lacking === undefined ? undefined : `${lacking}: ${cannot[lacking] ?? ''}`;
}

/** What {@link check} makes a check of. */
export type CheckBody = (bench: Bench, harness: ProviderHarness) => Promise<void>;

/** Makes checks of one topic. */
export function checksOf(
  topic: Topic,
): (title: string, needs: readonly Capability[], body: CheckBody) => ProviderCheck {
  return (title, needs, body) => ({
    topic,
    title,
    needs,
    async run(harness) {
      const bench = await Bench.start(harness);
      try {
        await body(bench, harness);
      } finally {
        await bench.end();
      }
    },
  });
}
