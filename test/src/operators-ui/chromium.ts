import type { Suite } from 'mocha';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { openBao } from '../support/open-bao.js';

type Availability = { readonly path: string } | { readonly reason: string };

function findChromium(): Availability {
  const path = process.env['PINVAULT_CHROMIUM'];
  if (path) return existsSync(path) ? { path } : { reason: `there is no ${path}` };
  return {
    reason: process.env['PINVAULT_CHROMIUM_MISSING'] || 'PINVAULT_CHROMIUM is not set (npm test sets it)',
  };
}

/** Starts a headless Chromium. Its profile is a temporary folder that goes with it. */
export async function startChromium(): Promise<Browser> {
  const found = findChromium();
  if ('reason' in found) throw new Error(found.reason);
  return chromium.launch({
    executablePath: found.path,
    // The sandbox wants a user of its own; the one page that is opened is our own server's.
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

/**
 * A describe whose tests need the web interface of a real vault, and a browser. Where one of the two lacks they are
 * pending, and the title says why; under PINVAULT_REQUIRE_REAL=1 that is a failure.
 */
export function describeWithVaultUi(title: string, define: (this: Suite) => void): void {
  const [server, browser] = [openBao(), findChromium()];
  const reason = !server.available ? server.reason : 'reason' in browser ? browser.reason : undefined;
  if (reason === undefined) {
    describe(title, define);
  } else if (process.env['PINVAULT_REQUIRE_REAL'] === '1') {
    describe(title, () => {
      it('has an OpenBao and a Chromium to run with', () => {
        throw new Error(reason);
      });
    });
  } else {
    describe.skip(`${title} (skipped: ${reason})`, define);
  }
}
