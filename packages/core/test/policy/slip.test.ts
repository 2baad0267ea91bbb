import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { PinDocumentError } from '#src/errors.js';
import { decodeDocument } from '#src/policy/decode.js';

interface Slip {
  readonly title: string;
  readonly message: string;
  readonly value?: unknown;
  readonly key?: string;
  readonly text?: string;
}

// docs/document.md is generated from these: `node tools/document-doc.mjs`. They are documentation, so their words count.
const slips = JSON.parse(
  readFileSync(new URL('../../test/fixtures/slips.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, readonly Slip[]>>;

describe('a slip', () => {
  it('of each kind is documented', () => {
    expect(Object.keys(slips)).to.deep.equal(['Pins', 'Rows', 'Keys', 'Texts']);
    expect(Object.values(slips).flat()).to.have.length.at.least(130);
  });

  for (const [kind, group] of Object.entries(slips)) {
    for (const slip of group) {
      it(`(${kind}) ${slip.title}: is told as documented`, () => {
        expect(messageOf(slip)).to.equal(slip.message);
      });
    }
  }
});

function messageOf({ value, key, text }: Slip): string | undefined {
  const good = { 'ok.example.com': 'none' };
  const row = key === undefined ? { 'api.example.com': value } : { [key]: 'none' };
  try {
    return decodeDocument(text ?? { ...good, ...row }).badRows[0]?.message;
  } catch (error) {
    expect(error).to.be.an.instanceof(PinDocumentError);
    return (error as PinDocumentError).message;
  }
}
