import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Sprung } from './fail-open-process.js';
import { type Road, roads } from './roads.js';
import { control, traps } from './traps.js';

const program = fileURLToPath(new URL('fail-open-process.js', import.meta.url));

async function springAll(environment: Readonly<Record<string, string>>): Promise<readonly Sprung[]> {
  const child = fork(program, [], {
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...environment },
    execArgv: [],
  });
  const exited = once(child, 'exit');
  const [results] = (await once(child, 'message', { signal: AbortSignal.timeout(60_000) })) as [Sprung[]];
  expect(await exited).to.deep.equal([0, null]);
  return results;
}

for (const [what, environment] of [
  ['', {}],
  [' and NODE_TLS_REJECT_UNAUTHORIZED=0', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }],
] as const) {
  describe(`under an uncaughtException handler${what}, not a byte is sent for`, () => {
    let results: readonly Sprung[];

    before(async function springThem() {
      this.timeout(60_000);
      results = await springAll(environment);
    });

    for (const road of Object.keys(roads)) {
      it(`… but every byte where the pins allow it (${road})`, () => {
        const found = results.find((result) => result.trap === control.name && result.road === road);
        expect(found).to.include({ isRefused: false });
        expect(found?.bytes).to.be.greaterThan(10_000);
      });
    }

    for (const { name, codes, roads: where = Object.keys(roads) as Road[] } of traps) {
      for (const road of where) {
        it(`${name} (${road})`, () => {
          const found = results.find((result) => result.trap === name && result.road === road);
          expect(found).to.include({ isRefused: true, bytes: 0 });
          expect(found?.code).to.be.oneOf(codes);
          // The server takes everything: what was refused was refused by the client.
          expect(found?.twin.isRefused).to.equal(false);
          expect(found?.twin.bytes).to.be.greaterThan(10_000);
        });
      }
    }
  });
}
