import type { Suite } from 'mocha';
import { openBao } from './open-bao-availability.js';

export { openBao, type OpenBaoAvailability } from './open-bao-availability.js';
export { startOpenBao, type OpenBaoMode, type OpenBaoServer } from './open-bao-server.js';
export type { ApiResponse } from './open-bao-api.js';

/**
 * A describe whose tests need a real server. Without one they are pending, and the title says why; where
 * PINVAULT_REQUIRE_REAL=1 promises one, its absence is a failure.
 */
export function describeWithOpenBao(title: string, define: (this: Suite) => void): void {
  const server = openBao();
  if (server.available) {
    describe(title, define);
  } else if (process.env['PINVAULT_REQUIRE_REAL'] === '1') {
    describe(title, () => {
      it('has an OpenBao to run against', () => {
        throw new Error(server.reason);
      });
    });
  } else {
    describe.skip(`${title} (skipped: ${server.reason})`, define);
  }
}
