import type { Suite } from 'mocha';
import { type Moto, startMoto } from '@pinvault/testing';

const packages = process.env['PINVAULT_MOTO'] ?? '';

/**
 * A describe with a moto that all its tests share, each with a secret of its own name. Without moto the tests are
 * pending, and the title says why; where PINVAULT_REQUIRE_REAL=1 promises one, its absence is a failure.
 */
export function describeWithMoto(title: string, define: (this: Suite, moto: () => Moto) => void): void {
  const reason =
    process.env['PINVAULT_MOTO_MISSING'] ?? 'PINVAULT_MOTO names no moto; node tools/moto.mjs does';
  if (packages === '' && process.env['PINVAULT_REQUIRE_REAL'] === '1') {
    describe(title, () => {
      it('has a moto to run against', () => {
        throw new Error(reason);
      });
    });
    return;
  }
  const declare = packages === '' ? describe.skip : describe;
  declare(packages === '' ? `${title} (skipped: ${reason})` : title, function () {
    let moto: Moto | undefined;
    before('starts moto', async function () {
      this.timeout(40_000);
      moto = await startMoto({ packages });
    });
    after('stops moto', async () => {
      await moto?.stop();
    });
    // Kept for whoever has to find out why.
    afterEach(function () {
      if (this.currentTest?.state === 'failed') console.log(moto?.log().slice(-2_000));
    });
    define.call(this, () => {
      if (moto === undefined) throw new Error('moto has not been started');
      return moto;
    });
  });
}

let names = 0;

/** A name that no other test has. */
export function secretName(): string {
  names += 1;
  return `tls-pins-${String(process.pid)}-${String(names)}`;
}
