import type { Suite } from 'mocha';
import {
  type AzureKeyVault,
  findAzureKeyVault,
  startAzureKeyVault,
  startTokenIssuer,
  type TokenIssuer,
} from '@pinvault/testing';

/** The emulator with the issuer that it trusts. */
export interface Emulated {
  readonly vault: AzureKeyVault;
  readonly issuer: TokenIssuer;
}

/**
 * A describe whose tests need the emulator of Azure Key Vault; it is started once, before the first of them. Without the
 * program they are pending, and the title says why; where PINVAULT_REQUIRE_REAL=1 promises one, its absence is a failure.
 */
export function describeWithEmulator(
  title: string,
  define: (this: Suite, emulated: () => Emulated) => void,
): void {
  const found = findAzureKeyVault();
  if ('reason' in found && process.env['PINVAULT_REQUIRE_REAL'] === '1') {
    describe(title, () => {
      it('has an emulator of Azure Key Vault to run against', () => {
        throw new Error(found.reason);
      });
    });
    return;
  }
  const describeIt = 'reason' in found ? describe.skip : describe;
  describeIt('reason' in found ? `${title} (skipped: ${found.reason})` : title, function () {
    let started: Emulated | undefined;

    before(async function () {
      this.timeout(30_000);
      const issuer = await startTokenIssuer();
      started = { issuer, vault: await startAzureKeyVault({ issuer }) };
    });

    after(async () => {
      await started?.vault.stop();
      await started?.issuer.close();
    });

    // The log says what the emulator thought of it.
    afterEach(function () {
      if (this.currentTest?.state === 'failed') console.error(started?.vault.log);
    });

    define.call(this, () => {
      if (started === undefined) throw new Error('the emulator has not started');
      return started;
    });
  });
}
