import { expect } from 'chai';
import { PinDocumentError } from '#src/errors.js';
import { decodeDocument, decodeInTurns } from '#src/policy/decode.js';
import type { PinProvider } from '#src/provider.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { rejectionOf } from '../support/errors.js';

const one = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const two = 'sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=';
const large = (pin: string, rows = 3_500): string =>
  JSON.stringify(Object.fromEntries(Array.from({ length: rows }, (_, index) => [`h${index}.test`, pin])));

describe('a large document', () => {
  it('is decoded in turns as it is decoded at once', async () => {
    expect(await decodeInTurns(large(one))).to.deep.equal(decodeDocument(large(one)));
  });

  it('lets others have a turn after every thousand rows', async () => {
    let turns = 0;
    let next = setImmediate(function count() {
      turns += 1;
      next = setImmediate(count);
    });
    await decodeInTurns(large(one, 999));
    expect(turns).to.be.at.most(1);
    turns = 0;
    await decodeInTurns(large(one));
    clearImmediate(next);
    expect(turns).to.be.at.least(3);
  });

  it('that is wrong is refused', async () => {
    const text = large(one).replace('h3400.test', 'h3400..test');
    await rejectionOf(decodeInTurns(text), PinDocumentError, 'ERR_DOCUMENT_MALFORMED');
  });

  it('whose resolver is closed in the middle of it is not put in force, and refuses nothing', async () => {
    let pin = one;
    const provider: PinProvider = {
      name: 'large',
      read: () => Promise.resolve({ document: large(pin), revision: pin }),
    };
    const told: string[] = [];
    const resolver = await PinResolver.create(provider, {
      warnings: false,
      onEvent: ({ type }) => void told.push(type),
    });
    pin = two;
    const refreshing = resolver.refresh();
    await new Promise((resolve) => setImmediate(resolve));
    await resolver.close();
    const { outcome } = await refreshing;
    expect(outcome).to.equal('failed');
    expect(resolver.snapshot.revision).to.equal(one);
    expect(told).to.deep.equal(['ready', 'close']);
  });
});
