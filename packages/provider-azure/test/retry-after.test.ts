import { expect } from 'chai';
import { retryAfterMs } from '#src/retry-after.js';

const now = Date.parse('2026-11-24T12:00:00Z');

function of(headers: Readonly<Record<string, string>>): number | undefined {
  return retryAfterMs((name) => headers[name], now);
}

describe('retryAfterMs', () => {
  it('reads seconds, a date, and milliseconds in the two forms of Azure', () => {
    expect(of({ 'retry-after': '7' })).to.equal(7_000);
    expect(of({ 'retry-after': '0' })).to.equal(0);
    expect(of({ 'retry-after': 'Tue, 24 Nov 2026 12:00:30 GMT' })).to.equal(30_000);
    expect(of({ 'retry-after-ms': '1500' })).to.equal(1_500);
    expect(of({ 'x-ms-retry-after-ms': '250', 'retry-after': '1' })).to.equal(250);
  });

  it('takes a date that has passed for now', () => {
    expect(of({ 'retry-after': 'Tue, 24 Nov 2026 11:00:00 GMT' })).to.equal(0);
  });

  it('takes anything else for nothing', () => {
    for (const value of ['', 'soon', '-1', '1e9', '12345678901234567890'])
      expect(of({ 'retry-after': value }), value).to.equal(undefined);
    expect(of({ 'retry-after-ms': '-5' })).to.equal(undefined);
    expect(of({})).to.equal(undefined);
  });
});
