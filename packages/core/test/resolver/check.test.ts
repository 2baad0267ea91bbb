import { expect } from 'chai';
import { PinMismatchError } from '#src/errors.js';
import { createServerIdentityCheck } from '#src/resolver/check.js';
import type { Target } from '#src/policy/host.js';
import { host, lonePeer } from '../support/chains.js';

const certificate = lonePeer('lone');
const refusal = new PinMismatchError('ERR_PIN_MISMATCH', 'no', { host });

describe('the check that Node calls', () => {
  it('returns nothing where the connection is good, and hands on what it is for', () => {
    const judged: unknown[] = [];
    const verify = (target: Target, shown: unknown): void => void judged.push([target, shown]);
    expect(createServerIdentityCheck(verify).call({}, host, certificate)).to.equal(undefined);
    expect(createServerIdentityCheck(verify, { port: 443 }).call({}, host, certificate)).to.equal(undefined);
    const fixed = createServerIdentityCheck(verify, { host: 'db.test', port: 5432 });
    expect(fixed.call({}, '10.0.0.7', certificate)).to.equal(undefined);
    expect(judged).to.deep.equal([
      [{ host, port: undefined }, certificate],
      [{ host, port: 443 }, certificate],
      [{ host: 'db.test', port: 5432 }, certificate],
    ]);
  });

  it('returns the error that refuses, and never throws it', () => {
    const check = createServerIdentityCheck(() => {
      throw refusal;
    });
    expect(check.call(undefined, host, certificate)).to.equal(refusal);
  });

  for (const thrown of ['text', undefined, null, { code: 'x' }, Symbol('x')]) {
    it(`returns an Error where ${typeof thrown} ${thrown === null ? 'null ' : ''}is thrown`, () => {
      const check = createServerIdentityCheck(() => {
        // What a foreign getter may do.
        // oxlint-disable-next-line typescript/only-throw-error -- a foreign function may throw anything
        throw thrown;
      });
      const answer = check.call({}, host, certificate);
      expect(answer).to.be.an.instanceof(Error);
      expect(answer?.message).to.contain('ERR_PIN_MISMATCH');
    });
  }

  it('makes Node listen to it: the connect options say so afterwards', () => {
    for (const initial of [true, false, undefined, 0]) {
      const options = { rejectUnauthorized: initial, servername: host };
      createServerIdentityCheck(() => undefined).call(options, host, certificate);
      expect(options).to.deep.equal({ rejectUnauthorized: true, servername: host });
    }
  });

  it('does so before anything can go wrong', () => {
    const options = { rejectUnauthorized: undefined };
    createServerIdentityCheck(() => {
      throw refusal;
    }).call(options, host, certificate);
    expect(options).to.deep.equal({ rejectUnauthorized: true });
  });

  it('adds nothing to a `this` that has no such option, and works without any', () => {
    const other = { servername: host };
    const check = createServerIdentityCheck(() => undefined);
    for (const receiver of [other, undefined, null, 'text', 7])
      expect(check.call(receiver, host, certificate)).to.equal(undefined);
    expect(other).to.deep.equal({ servername: host });
  });

  it('refuses where the options cannot be changed', () => {
    const frozen = Object.freeze({ rejectUnauthorized: undefined });
    const check = createServerIdentityCheck(() => undefined);
    expect(check.call(frozen, host, certificate)).to.be.an.instanceof(TypeError);
  });
});
