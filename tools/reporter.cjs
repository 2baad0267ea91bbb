'use strict';
const { appendFileSync } = require('node:fs');
const { reporters } = require('mocha');

const openHandleDelayMs = 5_000;
const shownLines = 12;
const shownColumns = 300;

/**
 * Mocha's spec reporter with one last line for machines: `N passed, N failed, N skipped`. With PINVAULT_TOTALS_FILE
 * the numbers and what failed go there instead, and whoever set it prints them once the process has really ended.
 * A rejection that nobody handles fails the test in which it comes up.
 */
module.exports = class PinvaultReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const totalsFile = process.env.PINVAULT_TOTALS_FILE;
    // a mocha that a test starts must not count as part of this run
    delete process.env.PINVAULT_TOTALS_FILE;
    // Mocha drops a rejection that nobody handles; a service would end by it, and so the test that is running fails.
    // It also emits each a second time.
    const seen = new WeakSet();
    process.on('unhandledRejection', (reason, promise) => {
      if (seen.has(promise)) return;
      seen.add(promise);
      const error = reason instanceof Error ? reason : new Error(`unhandled rejection: ${String(reason)}`);
      // After the last test there is none to fail: the run does.
      if (runner.currentRunnable === undefined) throw error;
      runner.fail(runner.currentRunnable, error, true);
    });
    runner.once('end', () => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      if (totalsFile) {
        const failures = this.failures.map(describeFailure);
        const totals = { node: process.versions.node, passed, failed, skipped, failures };
        appendFileSync(totalsFile, `${JSON.stringify(totals)}\n`);
      } else {
        console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
      }
      // unreferenced: it fires only when something that a test left open keeps the process alive
      setTimeout(nameOpenHandles, openHandleDelayMs).unref();
    });
  }
};

function describeFailure(test) {
  const { stack, message, cause } = test.err ?? {};
  const lines = String(stack || message || 'no error is known').split('\n');
  const shown = lines.slice(0, shownLines);
  if (cause) shown.push(`Caused by: ${String(cause.message ?? cause)}`);
  return { title: test.fullTitle(), error: shown.map((line) => line.slice(0, shownColumns)).join('\n') };
}

function nameOpenHandles() {
  const counts = new Map();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const list = [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
  console.error(`The tests have ended, but something keeps the process alive: ${list}`);
}
