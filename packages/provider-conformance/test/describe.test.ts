import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createStaticProvider } from '@pinvault/core';
import { expect } from 'chai';
import {
  capabilities,
  describePinProvider,
  pendingReason,
  providerChecks,
  type ProviderHarness,
} from '#src/index.js';

const harness: ProviderHarness = {
  start() {
    const provider = createStaticProvider({ 'api.example.com': 'none' });
    return { create: () => provider, publish: (rows) => provider.update({ ...rows }), stop: () => undefined };
  },
  cannot: Object.fromEntries(capabilities.map((capability) => [capability, 'because'])),
};

describe('describePinProvider', () => {
  it('tells a runner each fact: those that run, and those that are pending with their reason', () => {
    const told: string[] = [];
    const skipped: string[] = [];
    const it = Object.assign((title: string) => told.push(title), {
      skip: (title: string) => skipped.push(title),
    });
    describePinProvider('static', harness, { describe: (_title, define) => define(), it });
    expect(told).to.have.members(
      providerChecks.filter((check) => pendingReason(check, harness) === undefined).map(({ title }) => title),
    );
    expect(told.length).to.be.above(10);
    expect(told.length + skipped.length).to.equal(providerChecks.length);
    for (const title of skipped) expect(title).to.match(/ \(\w+: because\)$/u);
  });

  it('says what is missing where there is neither a runner nor a global one', () => {
    const { describe: own } = globalThis;
    try {
      Reflect.deleteProperty(globalThis, 'describe');
      expect(() => describePinProvider('static', harness)).to.throw(TypeError);
    } finally {
      globalThis.describe = own;
    }
  });

  it('runs under node:test', async () => {
    const source = `
      import { describe, it } from 'node:test';
      import { createStaticProvider } from '@pinvault/core';
      import { capabilities, describePinProvider } from '@pinvault/provider-conformance';
      const start = () => {
        const provider = createStaticProvider({ 'api.example.com': 'none' });
        return { create: () => provider, publish: (rows) => provider.update({ ...rows }), stop: () => undefined };
      };
      const cannot = Object.fromEntries(capabilities.map((capability) => [capability, 'because']));
      describePinProvider('static', { start, cannot }, { describe, it });
    `;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--test-reporter=tap', '--eval', source],
      { cwd: new URL('.', import.meta.url), timeout: 20_000 },
    );
    expect(stdout).to.match(/^# fail 0$/mu);
    expect(Number(/^# pass (\d+)$/mu.exec(stdout)?.[1])).to.be.above(10);
    expect(Number(/^# skipped (\d+)$/mu.exec(stdout)?.[1])).to.be.above(50);
  });
});
