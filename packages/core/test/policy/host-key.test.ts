import { expect } from 'chai';
import { PinDocumentError } from '#src/errors.js';
import { decodeDocument } from '#src/policy/decode.js';
import type { PinDocument } from '#src/policy/document.js';
import { Policy } from '#src/policy/policy.js';
import { thrownBy } from '../support/errors.js';

const host = 'api.example.com';
const one = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const two = 'sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=';
const decode = (raw: object, of: string = host): PinDocument => decodeDocument(raw, { host: of });
const patterns = ({ rows }: PinDocument): string[] => rows.map((row) => row.pattern);

describe('the document of one host', () => {
  it('has rows for that host, with ports and labels, however the host is spelled', () => {
    const document = decode({
      'API.example.com.': one,
      'api.example.com#next': two,
      [`${host}:8443`]: 'none',
    });
    expect(patterns(document)).to.deep.equal([host, host, `${host}:8443`]);
    expect(document.badRows).to.deep.equal([]);
  });

  it('may call the host pins, with port and label too', () => {
    const document = decode({ pins: one, 'pins#next': two, 'pins:8443': 'block' });
    expect(document.rows.map(({ pattern, label }) => ({ pattern, label }))).to.deep.equal([
      { pattern: host, label: undefined },
      { pattern: host, label: 'next' },
      { pattern: `${host}:8443`, label: undefined },
    ]);
    expect(patterns(decode({ pins: one, 'pins:8443': two }, '2001:db8::1'))).to.deep.equal([
      '2001:db8::1',
      '[2001:db8::1]:8443',
    ]);
    expect(patterns(decode({ pins: one }, 'pins'))).to.deep.equal(['pins']);
  });

  it('is refused where pins and the host say the same twice', () => {
    const error = thrownBy(
      () => decode({ pins: one, [host]: two }),
      PinDocumentError,
      'ERR_DOCUMENT_MALFORMED',
    );
    expect(error.reason).to.equal('duplicate-key');
  });

  it('lets the stricter of pins and the host hold where they contradict', () => {
    const document = decode({ pins: 'none', [`${host}#a`]: one });
    expect(document.rows.map(({ rule }) => rule)).to.deep.equal(['pins']);
    expect(document.badRows).to.have.length(1);
  });

  for (const key of [
    'other.example.com',
    '*.example.com',
    '**.example.com',
    '*',
    'api.example.org',
    '*.pins',
  ]) {
    it(`sets a row for ${key} aside, which governs nothing`, () => {
      const document = decode({ [key]: 'none', [host]: one });
      expect(patterns(document)).to.deep.equal([host]);
      expect(document.badRows).to.have.length(1);
      expect(document.badRows[0]).to.include({ code: 'ERR_DOCUMENT_MALFORMED', reason: 'bad-key', key });
      expect(new Policy(document).lookup(host, 443).kind).to.equal('pins');
    });

    it(`is refused where a row for ${key} is all that it has`, () => {
      const error = thrownBy(() => decode({ [key]: one }), PinDocumentError, 'ERR_DOCUMENT_MALFORMED');
      expect(error).to.include({ reason: 'bad-key', key });
    });
  }

  it('keeps a wider row from opening what rows with a port leave out', () => {
    const document = decode({ '*': 'none', '*.example.com': 'none', [`${host}:8443`]: one });
    expect(new Policy(document).lookup(host, 443).kind).to.equal('quarantined');
  });

  it('is, to a document of all hosts, one whose row is named pins', () => {
    expect(patterns(decodeDocument({ pins: one }))).to.deep.equal(['pins']);
  });
});
