import { deepEqual, equal, fail, ok } from 'node:assert/strict';
import { PinError, type PinProvider } from '@pinvault/core';
import { type Bench, read, within } from '../bench.js';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows } from '../documents.js';
import { expectRefusal, expectRows, settled } from '../expectations.js';
import { arrived } from './abort.js';

const closing = checksOf('close');
const handles = checksOf('open handles');

async function close(bench: Bench, provider: PinProvider): Promise<void> {
  if (provider.close === undefined)
    fail('the provider has no close(): where it holds nothing, say so under "cannot"');
  await within(bench.limitMs, 'close()', provider.close());
}

/** Waits until nothing is left: sockets take a moment to close at both ends. */
async function isGone<Left>(
  { limitMs }: Bench,
  left: () => Left,
  nothing: Left,
  what: string,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      deepEqual(left(), nothing, what);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** What keeps this process alive, by kind. A runner's own timers and files come and go: only kinds of long life count. */
function resources(): readonly string[] {
  const passing = /Timeout|Immediate|TTY|Pipe|Process|FSReq|MessagePort/u;
  return process.getActiveResourcesInfo().filter((kind) => !passing.test(kind));
}

/** What there is more of than before. */
function added(before: readonly string[]): string[] {
  const rest = [...before];
  return resources().filter((kind) => {
    const index = rest.indexOf(kind);
    if (index >= 0) rest.splice(index, 1);
    return index < 0;
  });
}

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

export const closeChecks: readonly ProviderCheck[] = [
  closing('may come twice, also both at once', ['close'], async (bench) => {
    await bench.backend.publish(firstRows);
    const provider = await bench.provider();
    await expectRows(provider, firstRows);
    await Promise.all([close(bench, provider), close(bench, provider)]);
    await close(bench, provider);
  }),

  closing('may come before the first read', ['close'], async (bench) => {
    await close(bench, await bench.provider());
  }),

  closing('ends the reads that are under way', ['close', 'hang', 'requests'], async (bench) => {
    await bench.backend.publish(firstRows);
    const provider = await bench.provider();
    await bench.use('hang')();
    const before = bench.use('requests')();
    const reading = settled(read(provider));
    await arrived(bench, before, 1);
    await close(bench, provider);
    const outcome = await within(bench.limitMs, 'a read whose provider was closed', reading);
    ok('error' in outcome, 'a read whose provider was closed resolved');
    ok(
      PinError.isPinError(outcome.error),
      'a read whose provider was closed rejects with an error of pinvault',
    );
  }),

  closing(
    'ends reading: a later read is refused and reaches no store',
    ['close', 'requests'],
    async (bench) => {
      await bench.backend.publish(firstRows);
      const provider = await bench.provider();
      await expectRows(provider, firstRows);
      await close(bench, provider);
      const before = bench.use('requests')();
      await expectRefusal(provider, 'ERR_PROVIDER_UNAVAILABLE');
      equal(bench.use('requests')(), before, 'requests after close()');
    },
  ),

  handles('are none after close: no connection to the store', ['close', 'connections'], async (bench) => {
    await bench.backend.publish(firstRows);
    const provider = await bench.provider();
    await Promise.all([1, 2, 3].map(async () => expectRows(provider, firstRows)));
    await close(bench, provider);
    await isGone(bench, bench.use('connections'), 0, 'connections to the store after close()');
  }),

  handles('are none after close: nothing that keeps the process alive', ['close'], async (bench) => {
    await bench.backend.publish(firstRows);
    const before = resources();
    const timersBefore = timers();
    const provider = await bench.provider();
    await expectRows(provider, firstRows);
    await close(bench, provider);
    await isGone(bench, () => added(before), [], 'what keeps the process alive after close()');
    await isGone(bench, () => Math.max(0, timers() - timersBefore), 0, 'timers after close()');
  }),

  handles('are no timer between two reads', [], async (bench) => {
    await bench.backend.publish(firstRows);
    const timersBefore = timers();
    const provider = await bench.provider();
    await expectRows(provider, firstRows);
    await isGone(bench, () => Math.max(0, timers() - timersBefore), 0, 'timers between two reads');
  }),
];
