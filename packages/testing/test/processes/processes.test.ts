import { expect } from 'chai';
import { runChild, warningsDuring } from '#src/index.js';

const here = new URL('.', import.meta.url);

describe('runChild', () => {
  it('tells exit code and output of both streams, and hands over no environment but the given', async () => {
    const source =
      "console.log(process.env.GIVEN, process.env.PATH); console.error('told'); process.exitCode = 3;";
    const { code, output } = await runChild(here, source, { GIVEN: 'yes' });
    expect(code).to.equal(3);
    expect(output).to.include('yes undefined').and.to.include('told');
  });

  it('ends a child that does not end, which shows in a code of null', async () => {
    const { code, ranMs } = await runChild(here, 'setInterval(() => undefined, 1_000);', {}, 300);
    expect(code).to.equal(null);
    expect(ranMs).to.be.within(250, 5_000);
  });
});

describe('warningsDuring', () => {
  it("collects pinvault's warnings, in order, and nobody else's", async () => {
    const seen = await warningsDuring(() => {
      process.emitWarning('first', { type: 'PinvaultWarning', code: 'ONE' });
      process.emitWarning('foreign', { type: 'OtherWarning', code: 'X' });
      process.emitWarning('second', { type: 'PinvaultWarning', code: 'TWO' });
    });
    expect(seen).to.deep.equal([
      { code: 'ONE', message: 'first' },
      { code: 'TWO', message: 'second' },
    ]);
  });

  it('leaves the listeners as they were, also after a failure', async () => {
    const before = process.listeners('warning');
    let error: unknown;
    await warningsDuring(() => {
      throw new RangeError('of the run');
    }).catch((reason: unknown) => (error = reason));
    expect(error).to.be.an.instanceOf(RangeError);
    expect(process.listeners('warning')).to.deep.equal(before);
  });
});
