import type { LookupAddress } from 'node:dns';
import { expect } from 'chai';
import { loopbackLookup } from '#src/index.js';

const resolve = async (options: { all?: boolean }): Promise<[string | LookupAddress[], number | undefined]> =>
  new Promise((done, fail) => {
    loopbackLookup('api.example.test', options, (error, address, family) =>
      error === null ? done([address, family]) : fail(error),
    );
  });

describe('loopbackLookup', () => {
  it('answers the single form', async () => {
    expect(await resolve({})).to.deep.equal(['127.0.0.1', 4]);
  });

  it('answers the form with all addresses', async () => {
    expect(await resolve({ all: true })).to.deep.equal([[{ address: '127.0.0.1', family: 4 }], undefined]);
  });

  it('answers asynchronously', async () => {
    let answered = false;
    loopbackLookup('api.example.test', {}, () => (answered = true));
    expect(answered).to.equal(false);
    await new Promise(setImmediate);
    expect(answered).to.equal(true);
  });
});
