import { expect } from 'chai';
import { booleanOf, durationMsOf, readVariable } from '#src/environment.js';
import { expectMisconfigured } from './support/errors.js';

describe('readVariable', () => {
  it('finds BAO_ before VAULT_, and says under which name', () => {
    expect(readVariable({ VAULT_ADDR: 'v', BAO_ADDR: 'b' }, 'ADDR')).to.deep.equal({
      name: 'BAO_ADDR',
      value: 'b',
    });
    expect(readVariable({ VAULT_ADDR: 'v' }, 'ADDR')).to.deep.equal({ name: 'VAULT_ADDR', value: 'v' });
    expect(readVariable({ ADDR: 'x' }, 'ADDR')).to.equal(undefined);
  });

  it('counts an empty or blank variable as unset', () => {
    for (const blank of ['', ' ', '\n']) {
      expect(readVariable({ VAULT_ADDR: 'v', BAO_ADDR: blank }, 'ADDR')?.name).to.equal('VAULT_ADDR');
      expect(readVariable({ VAULT_ADDR: blank }, 'ADDR')).to.equal(undefined);
    }
  });

  it('trims what a file or a shell has left around the value', () => {
    expect(readVariable({ VAULT_NAMESPACE: ' team\n' }, 'NAMESPACE')?.value).to.equal('team');
  });
});

describe('booleanOf', () => {
  // The table of Go's strconv.ParseBool.
  for (const value of ['1', 't', 'T', 'TRUE', 'true', 'True'])
    it(`takes ${value} for true`, () =>
      expect(booleanOf({ name: 'VAULT_SKIP_VERIFY', value })).to.equal(true));
  for (const value of ['0', 'f', 'F', 'FALSE', 'false', 'False'])
    it(`takes ${value} for false`, () =>
      expect(booleanOf({ name: 'VAULT_SKIP_VERIFY', value })).to.equal(false));
  for (const value of ['yes', 'no', 'on', 'tRUE', '01', 'y', '-1', 'truee']) {
    it(`refuses ${value} by name`, () =>
      expectMisconfigured(() => booleanOf({ name: 'VAULT_SKIP_VERIFY', value }), 'VAULT_SKIP_VERIFY'));
  }
});

describe('durationMsOf', () => {
  for (const [value, milliseconds] of [
    ['60s', 60_000],
    ['60', 60_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['1m5ms', 60_005],
    ['1d', 86_400_000],
    ['1500us', 1.5],
    ['1500µs', 1.5],
  ] as const) {
    it(`reads ${value}`, () =>
      expect(durationMsOf({ name: 'VAULT_CLIENT_TIMEOUT', value })).to.equal(milliseconds));
  }

  for (const value of ['0', '0s', '-5s', 'abc', '5 s', '1d1h', '5s!', 's', '1,5s', '١s']) {
    it(`refuses ${JSON.stringify(value)} by name`, () =>
      expectMisconfigured(
        () => durationMsOf({ name: 'VAULT_CLIENT_TIMEOUT', value }),
        'VAULT_CLIENT_TIMEOUT',
      ));
  }
});
