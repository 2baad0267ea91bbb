import { expect } from 'chai';
import { Warnings } from '#src/resolver/warnings.js';
import { warningsDuring } from '../support/warnings.js';

describe('a process warning', () => {
  it('has a code, names the resolver and is safe to print', async () => {
    const seen = await warningsDuring(() => {
      new Warnings('vault', true).say('PINVAULT_STALE', '', 'old\u001b[2J\npins');
    });
    expect(seen).to.deep.equal([
      { code: 'PINVAULT_STALE', message: '[vault] PINVAULT_STALE: old\\u001b[2J\\u000apins' },
    ]);
  });

  it('does not say its code twice', async () => {
    const seen = await warningsDuring(() => {
      new Warnings('vault', true).say('ERR_PIN_SYNTAX', '', 'ERR_PIN_SYNTAX: no pin');
    });
    expect(seen[0]?.message).to.equal('[vault] ERR_PIN_SYNTAX: no pin');
  });

  it('is said once for each occasion, until the occasion is over', async () => {
    const warnings = new Warnings('vault', true);
    const say = (about: string): void => warnings.say('PINVAULT_FALLBACK', about, about);
    const seen = await warningsDuring(() => {
      for (const about of ['start', 'start', 'expired', 'start']) say(about);
      warnings.say('PINVAULT_STALE', 'x', 'x');
      warnings.forget(/^PINVAULT_FALLBACK$/u);
      say('start');
      warnings.say('PINVAULT_STALE', 'x', 'x');
    });
    expect(seen.map(({ message }) => message.split(': ')[1])).to.deep.equal([
      'start',
      'expired',
      'x',
      'start',
    ]);
  });

  it('is not said where warnings are switched off', async () => {
    const seen = await warningsDuring(() => new Warnings('vault', false).say('PINVAULT_STALE', '', 'x'));
    expect(seen).to.deep.equal([]);
  });

  it('does not fill the memory where every read brings another one', async () => {
    const warnings = new Warnings('vault', true);
    const seen = await warningsDuring(() => {
      for (let index = 0; index <= 1_000; index += 1) warnings.say('PINVAULT_DOCUMENT', `${index}`, 'x');
      warnings.say('PINVAULT_DOCUMENT', '0', 'said anew');
      for (const known of ['1000', '2']) warnings.say('PINVAULT_DOCUMENT', known, 'still known');
      warnings.say('PINVAULT_DOCUMENT', '1', 'said anew');
    });
    expect(seen.slice(1_000).map(({ message }) => message.split(': ')[1])).to.deep.equal([
      'x',
      'said anew',
      'said anew',
    ]);
  });
});
