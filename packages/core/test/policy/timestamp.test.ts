import { expect } from 'chai';
import { parseLastInstant } from '#src/policy/timestamp.js';

describe('a time in a document', () => {
  for (const [text, iso] of [
    ['2027-06-30T12:00:00Z', '2027-06-30T12:00:00.000Z'],
    ['2027-06-30t12:00:00z', '2027-06-30T12:00:00.000Z'],
    ['2027-06-30T12:00:00.5+02:00', '2027-06-30T10:00:00.500Z'],
    ['2027-06-30T12:00:00-05:30', '2027-06-30T17:30:00.000Z'],
    ['2027-06-30', '2027-06-30T23:59:59.999Z'],
    ['2028-02-29', '2028-02-29T23:59:59.999Z'],
  ] as const) {
    it(`${text} is ${iso}`, () => {
      expect(parseLastInstant(text)).to.equal(Date.parse(iso));
    });
  }

  for (const text of [
    '',
    'tomorrow',
    '31.12.2027',
    '2027-6-30',
    '2027-00-10',
    '2027-13-01',
    '2027-02-29',
    '2027-04-31',
    '2027-04-00',
    '2027-06-30T12:00',
    '2027-06-30T12:00:00',
    '2027-06-30T24:00:00Z',
    '2027-06-30T25:00:00Z',
    '2027-06-30T12:61:00Z',
    '2027-06-30 12:00:00Z',
    ' 2027-06-30',
    '2027-06-30\n',
    '+002027-06-30',
  ]) {
    it(`${JSON.stringify(text)} is none`, () => {
      expect(parseLastInstant(text)).to.equal(undefined);
    });
  }
});
