import { equal, ok } from 'node:assert/strict';
import { PinError, type PinProvider } from '@pinvault/core';
import { type Bench, read, within } from '../bench.js';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows } from '../documents.js';
import { expectRefusal, expectRows, settled } from '../expectations.js';

const check = checksOf('abort and timeout');
const together = checksOf('reads at the same time');

/** Waits until so many requests have come in since; a provider that sends none has nothing to abort. */
export async function arrived(bench: Bench, before: number, count: number): Promise<void> {
  const deadline = Date.now() + bench.limitMs;
  while (bench.use('requests')() - before < count) {
    if (Date.now() > deadline) throw new Error(`fewer than ${String(count)} requests reached the store`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function expectAbort(outcome: Awaited<ReturnType<typeof settled>>, reason: unknown): void {
  ok('error' in outcome, 'an aborted read resolved');
  const { error } = outcome;
  if (error === reason) return;
  ok(PinError.isPinError(error), 'an aborted read rejects with the reason, or with an error of pinvault');
  ok(
    ['ERR_PROVIDER_UNAVAILABLE', 'ERR_PROVIDER_TIMEOUT'].includes(error.code),
    `an aborted read was told as ${error.code}`,
  );
}

async function abortedRead(bench: Bench, provider: PinProvider): Promise<void> {
  const controller = new AbortController();
  const reason = new Error('the check aborts');
  const before = bench.use('requests')();
  const reading = settled(read(provider, { signal: controller.signal }));
  await arrived(bench, before, 1);
  controller.abort(reason);
  expectAbort(await within(bench.limitMs, 'a read whose signal aborted', reading), reason);
}

export const abortChecks: readonly ProviderCheck[] = [
  check('ends a read that waits for the store', ['hang', 'requests'], async (bench) => {
    await bench.backend.publish(firstRows);
    await bench.use('hang')();
    await abortedRead(bench, await bench.provider());
  }),

  check(
    'ends the request, too: no connection is left waiting',
    ['hang', 'requests', 'connections'],
    async (bench) => {
      await bench.backend.publish(firstRows);
      await bench.use('hang')();
      await abortedRead(bench, await bench.provider());
      const deadline = Date.now() + bench.limitMs;
      while (bench.use('connections')() > 0 && Date.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 5));
      equal(bench.use('connections')(), 0, 'connections that are still open after the abort');
    },
  ),

  check('before the read lets nothing begin', ['requests'], async (bench) => {
    await bench.backend.publish(firstRows);
    const provider = await bench.provider();
    await expectRows(provider, firstRows);
    const before = bench.use('requests')();
    const reason = new Error('the check has aborted before');
    const reading = settled(read(provider, { signal: AbortSignal.abort(reason) }));
    expectAbort(await within(bench.limitMs, 'a read whose signal had aborted', reading), reason);
    equal(bench.use('requests')(), before, 'requests of a read whose signal had aborted');
  }),

  check('leaves the provider fit for the next read', ['hang', 'requests'], async (bench) => {
    await bench.backend.publish(firstRows);
    const provider = await bench.provider();
    await bench.use('hang')();
    await abortedRead(bench, provider);
    await bench.use('restore')();
    await expectRows(provider, firstRows);
  }),

  check('of one read does not end another', ['hang', 'requests'], async (bench) => {
    await bench.backend.publish(firstRows);
    const provider = await bench.provider();
    await expectRows(provider, firstRows);
    await bench.use('hang')();
    const before = bench.use('requests')();
    const [controller, other] = [new AbortController(), new AbortController()];
    const aborted = settled(read(provider, { signal: controller.signal }));
    const kept = settled(read(provider, { signal: other.signal }));
    await arrived(bench, before, 1);
    const reason = new Error('the check aborts one of two');
    controller.abort(reason);
    expectAbort(await within(bench.limitMs, 'a read whose signal aborted', aborted), reason);
    await bench.use('restore')();
    const outcome = await kept;
    ok('value' in outcome, 'a read failed because the signal of another one aborted');
  }),

  check(
    'ends a read by itself where the store never answers',
    ['hang', 'createWithTimeout'],
    async (bench) => {
      await bench.backend.publish(firstRows);
      await bench.use('hang')();
      await expectRefusal(await bench.provider({ timeoutMs: 150 }), 'ERR_PROVIDER_TIMEOUT');
    },
  ),

  together('each bring the document', [], async (bench) => {
    await bench.backend.publish(firstRows);
    const provider = await bench.provider();
    await Promise.all(Array.from({ length: 10 }, async () => expectRows(provider, firstRows)));
  }),

  together('each fail with an error of their own', ['deny'], async (bench) => {
    await bench.backend.publish(firstRows);
    await bench.use('deny')();
    const provider = await bench.provider();
    await Promise.all(Array.from({ length: 5 }, async () => expectRefusal(provider, 'ERR_PROVIDER_DENIED')));
  }),

  together('are no cache: a read that begins after a failure is a new one', ['fail'], async (bench) => {
    await bench.backend.publish(firstRows);
    const provider = await bench.provider();
    await bench.use('fail')();
    await Promise.all([1, 2, 3].map(async () => expectRefusal(provider, 'ERR_PROVIDER_UNAVAILABLE')));
    await bench.use('restore')();
    await Promise.all([1, 2, 3].map(async () => expectRows(provider, firstRows)));
  }),
];
