import { expect } from 'chai';
import { PinDocumentError } from '#src/errors.js';
import { parseRowValue } from '#src/policy/row.js';
import { thrownBy } from '../support/errors.js';

const one = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const two = 'sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=';
const hex = 'ab'.repeat(32);

describe("a row's value", () => {
  for (const [title, short, long] of [
    ['one pin', one, { pins: [one] }],
    ['one pin as text', one, { pins: one }],
    ['two pins', `${one} ${two}`, { pins: [one, two] }],
    ['two pins in an array', `${one}, ${two}`, [one, two]],
    ['pins and a mode', `${one};mode=report`, { pins: [one], mode: 'report' }],
    [
      'everything',
      `ca:${one} leaf:${two} mode=enforce until=2099-12-31 review=2098-01-01T00:00:00Z`,
      {
        pins: [`ca:${one}`, `leaf:${two}`],
        mode: 'enforce',
        until: '2099-12-31',
        review: '2098-01-01T00:00:00Z',
      },
    ],
    ['attributes among the tokens', `${one} until=2099-12-31`, [one, 'until=2099-12-31']],
    ['none', 'none', ['none']],
    ['block', ' block\n', { pins: 'block' }],
  ] as const) {
    it(`${title}: the long form decodes as the short one`, () => {
      const value = parseRowValue('a.test', short);
      expect(parseRowValue('a.test', long)).to.deep.equal(value);
      expect(value.rule).to.equal(title === 'none' || title === 'block' ? title : 'pins');
    });
  }

  it('puts the window on every pin of its row, and the mode on the host', () => {
    const { pins, mode } = parseRowValue(
      'a.test',
      `until=2027-06-30 ${one} mode=report ca:${two} review=2027-01-01`,
    );
    expect(mode).to.equal('report');
    const window = {
      until: Date.parse('2027-06-30T23:59:59.999Z'),
      review: Date.parse('2027-01-01T23:59:59.999Z'),
    };
    expect(pins).to.deep.equal([
      { pin: one, role: 'any', ...window },
      { pin: `ca:${two}`, role: 'ca', ...window },
    ]);
  });

  it('holds the same pin once, however often and in whatever form it is written', () => {
    const { pins } = parseRowValue(
      'a.test',
      `${one} ${one.slice(0, -1)} pin-sha256="${one.slice(7)}" leaf:${one}`,
    );
    expect(pins.map((entry) => entry.pin)).to.deep.equal([one, `leaf:${one}`]);
  });

  it('tells bare base64 from an attribute', () => {
    const digest = `${'B'.repeat(42)}A`;
    expect(parseRowValue('a.test', `${digest}=`).pins[0]?.pin).to.equal(`sha256/${digest}=`);
    expect(parseRowValue('a.test', digest).pins[0]?.pin).to.equal(`sha256/${digest}=`);
    expect(parseRowValue('a.test', `cert-sha256:${hex}`).pins[0]).to.deep.equal({
      pin: `cert-sha256:${hex}`,
      role: 'leaf',
    });
  });

  for (const [title, value, facts] of [
    ['nothing', '', { reason: 'bad-value' }],
    ['an empty array', [], { reason: 'bad-value' }],
    ['an empty object', {}, { reason: 'bad-value' }],
    ['a number', 7, { reason: 'bad-value' }],
    ['null', null, { reason: 'bad-value' }],
    ['a token that is a number', [one, 7], { reason: 'bad-value' }],
    ['a token that is null', [null], { reason: 'bad-value' }],
    ['a token that is an object', [{}], { reason: 'bad-value' }],
    ['an unknown member', { pins: [one], modus: 'report' }, { reason: 'bad-value' }],
    ['pins that are a number', { pins: 7 }, { reason: 'bad-value' }],
    ['pins that are an object', { pins: { a: one } }, { reason: 'bad-value' }],
    ['a mode that is no text', { pins: [one], mode: true }, { reason: 'bad-value' }],
    ['attributes alone', 'mode=report', { reason: 'bad-value' }],
    ['none beside a pin', `none ${one}`, { reason: 'bad-value', tokenIndex: 1 }],
    ['a pin beside none', `${one} none`, { reason: 'bad-value', tokenIndex: 1 }],
    ['none twice, beside a pin', `none none ${one}`, { reason: 'bad-value', tokenIndex: 2 }],
    ['block twice, beside a pin', `block block ${one}`, { reason: 'bad-value', tokenIndex: 2 }],
    ['none beside block', 'none block', { reason: 'bad-value', tokenIndex: 1 }],
    ['none with an attribute', 'none mode=report', { reason: 'bad-value' }],
    ['an unknown attribute', `${one} expries=2027-01-01`, { reason: 'bad-value', tokenIndex: 1 }],
    ['an attribute in capitals', `${one} Mode=report`, { reason: 'bad-value', tokenIndex: 1 }],
    ['an attribute without a value', `${one} until=`, { reason: 'bad-value', tokenIndex: 1 }],
    ['an attribute that is an algorithm', `sha=${one.slice(7)}`, { reason: 'bad-value', tokenIndex: 0 }],
    ['mode twice', `${one} mode=report mode=report`, { reason: 'bad-value', tokenIndex: 2 }],
    [
      'until twice',
      { pins: [one, 'until=2027-01-01'], until: '2028-01-01' },
      { reason: 'bad-value', tokenIndex: 2 },
    ],
    ['another mode', `${one} mode=off`, { reason: 'bad-value', tokenIndex: 1 }],
    ['a day that does not exist', `${one} until=2027-02-30`, { reason: 'bad-value', tokenIndex: 1 }],
    ['a review that is no date', `${one} review=soon`, { reason: 'bad-value', tokenIndex: 1 }],
    ['a no-break space', `${one}\u00a0${two}`, { reason: 'forbidden-character' }],
    ['a vertical tab', `${one}\u000b${two}`, { reason: 'forbidden-character' }],
    ['a zero width space in an array', [`${one}\u200b`], { reason: 'forbidden-character' }],
  ] as const) {
    it(`refuses ${title}`, () => {
      const error = thrownBy(() => parseRowValue('a.test', value), PinDocumentError, 'ERR_PIN_ROW_INVALID');
      expect(error).to.include({ key: 'a.test', ...facts });
    });
  }

  it('refuses a token that is no pin, and says which', () => {
    const error = thrownBy(
      () => parseRowValue('a.test', `${one} sha256/x`),
      PinDocumentError,
      'ERR_PIN_SYNTAX',
    );
    expect(error).to.include({ reason: 'bad-pin', key: 'a.test', tokenIndex: 1 });
  });

  it('that holds a whole document says that each host is a row', () => {
    for (const value of [`{"a.test":"${one}"}`, `[{"pins":1}]`]) {
      const error = thrownBy(() => parseRowValue('a.test', value), PinDocumentError, 'ERR_PIN_SYNTAX');
      expect(error.hint).to.contain('whole document');
    }
  });
});
