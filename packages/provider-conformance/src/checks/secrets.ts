import { ok } from 'node:assert/strict';
import { read } from '../bench.js';
import { checksOf, type ProviderCheck } from '../check.js';
import { firstRows, pin } from '../documents.js';
import { documentRefusal, expectRows, settled } from '../expectations.js';
import type { Capability } from '../harness.js';
import { expectNoSecret } from '../renderings.js';

const check = checksOf('no secret in any error');

type Fault =
  | 'remove'
  | 'disable'
  | 'deny'
  | 'throttle'
  | 'goOffline'
  | 'fail'
  | 'answerGarbage'
  | 'echo'
  | 'expireCredentials';

const faults: readonly (readonly [Fault, string])[] = [
  ['remove', 'of a secret that was deleted'],
  ['disable', 'of a version that is switched off'],
  ['deny', 'of a read that is denied'],
  ['throttle', 'of a store that throttles'],
  ['goOffline', 'of a store that is away'],
  ['fail', 'of a store that fails'],
  ['answerGarbage', 'of a stranger that answers'],
  ['echo', 'of an answer that repeats the request'],
  ['expireCredentials', 'of credentials that have expired'],
];

// In the shape of what gets pasted into the wrong row.
const rowCanary = 'hvs.CANARY-ROW-4711-abcdefghijklmnop';

function faultCheck([fault, title]: (typeof faults)[number]): ProviderCheck {
  const needs: readonly Capability[] = ['secrets', fault];
  return check(title, needs, async (bench) => {
    const provider = await bench.provider();
    const rows = { ...firstRows, $note: rowCanary };
    await bench.backend.publish(rows);
    await expectRows(provider, rows);
    await bench.use(fault)();
    const error = await documentRefusal(provider);
    expectNoSecret(error, [...bench.secrets, rowCanary], `the error ${title}`);
  });
}

export const secretChecks: readonly ProviderCheck[] = [
  ...faults.map(faultCheck),

  check('of a read that was aborted', ['secrets', 'hang'], async (bench) => {
    await bench.backend.publish(firstRows);
    await bench.use('hang')();
    const outcome = await settled(read(await bench.provider(), { signal: AbortSignal.timeout(100) }));
    ok('error' in outcome, 'the read resolved');
    expectNoSecret(outcome.error, bench.secrets, 'the error of an aborted read');
  }),

  check('of a document that is broken, nor what stands in its rows', ['publishText'], async (bench) => {
    const provider = await bench.provider();
    const texts = [
      `{"api.example.com":"${rowCanary}"`,
      `{"api.example.com":"${pin(1)}",}${rowCanary}`,
      rowCanary,
      `{"api.example.com":["${rowCanary}"`,
    ];
    for (const text of texts) {
      await bench.use('publishText')(text);
      const secrets = [...(bench.backend.secrets ?? []), rowCanary];
      expectNoSecret(await documentRefusal(provider), secrets, 'the error of a broken document');
    }
  }),

  check('nor in the provider itself, after a read', ['secrets'], async (bench) => {
    const provider = await bench.provider();
    await bench.backend.publish(firstRows);
    const result = await expectRows(provider, firstRows);
    expectNoSecret(provider, bench.secrets, 'the provider, as util.inspect shows it,');
    expectNoSecret(provider.location ?? '', bench.secrets, 'provider.location');
    expectNoSecret(result, bench.secrets, 'the result of a read');
  }),
];
