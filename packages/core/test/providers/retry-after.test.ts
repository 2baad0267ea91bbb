import { expect } from 'chai';
import { parseRetryAfter } from '#src/providers/retry-after.js';

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 10, 24, 12);

  it('reads seconds, and a date', () => {
    expect(parseRetryAfter('7', now)).to.equal(7_000);
    expect(parseRetryAfter('0', now)).to.equal(0);
    expect(parseRetryAfter('Tue, 24 Nov 2026 12:00:30 GMT', now)).to.equal(30_000);
  });

  it('takes a date that has passed for now', () => {
    expect(parseRetryAfter('Fri, 01 Jan 2010 00:00:00 GMT', now)).to.equal(0);
    expect(parseRetryAfter('Fri, 01 Jan 2010 00:00:00 GMT')).to.equal(0);
  });

  it('takes nothing else, such as what Date.parse would take for a date', () => {
    for (const text of [undefined, '', '-1', '+1', '1.5', ' 7', 'soon', '2026-11-24', '1e3', '9999999999'])
      expect(parseRetryAfter(text, now), text).to.equal(undefined);
  });
});
