import { expect } from 'chai';
import * as fc from 'fast-check';
import { decodeDocument } from '#src/policy/decode.js';
import { adoptDocument } from '#src/resolver/adopt.js';
import {
  documentText,
  keptRowsOf,
  type LastKnownGoodRecord,
  openRecord,
  RefusedCopy,
  sealRecord,
} from '#src/resolver/last-known-good-record.js';
import { RequiredHosts } from '#src/resolver/required-hosts.js';
import { pinOf, testTime } from '../support/chains.js';

const key = Buffer.alloc(32, 7);
const record: LastKnownGoodRecord = {
  provider: 'vault',
  location: 'secret/tls-pins',
  revision: '7',
  document: '{"a.test":"none"}',
  keptRows: { 'b.test': 'block' },
  generationFloor: 3,
  fetchedAt: testTime,
  confirmedAt: testTime,
  everCovered: ['a.test', '*.b.test:8443'],
};

function sealedText(body: string, usedKey?: Uint8Array): Buffer {
  const sealed = sealRecord(JSON.parse(body) as LastKnownGoodRecord, usedKey);
  return sealed;
}

describe('the record of the last known good pins', () => {
  it('comes back as it was, with a key and without one', () => {
    expect(openRecord(sealRecord(record, undefined), undefined)).to.deep.equal(record);
    expect(openRecord(sealRecord(record, key), key)).to.deep.equal(record);
    expect(openRecord(sealRecord(record, key), undefined)).to.deep.equal(record);
  });

  it('is refused where it was cut off, at whatever byte', () => {
    const sealed = sealRecord(record, key);
    for (let length = 0; length < sealed.length; length += 1) {
      for (const used of [key, undefined])
        expect(() => openRecord(sealed.subarray(0, length), used), String(length)).to.throw(RefusedCopy);
    }
  });

  it('is refused where any one of its bytes was changed', () => {
    const sealed = sealRecord(record, key);
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => openRecord(changed, key), String(index)).to.throw(RefusedCopy);
    }
  });

  it('is refused where somebody without the key has sealed it anew', () => {
    const forged = { ...record, document: '{"a.test":"block"}' };
    for (const bytes of [sealRecord(forged, undefined), sealRecord(forged, Buffer.alloc(32, 8))])
      expect(() => openRecord(bytes, key)).to.throw(RefusedCopy);
    // The HMAC of one copy does not seal another.
    const [head = ''] = sealRecord(record, key).toString().split('\n');
    const [, mac = ''] = head.split(' hmac-sha256=');
    const [plainHead = '', body = ''] = sealRecord(forged, undefined).toString().split('\n');
    const mixed = Buffer.from(`${plainHead} hmac-sha256=${mac}\n${body}`);
    expect(() => openRecord(mixed, key)).to.throw(RefusedCopy);
  });

  it('is refused whatever else lies there, and by nothing but our own error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(() => openRecord(bytes, undefined)).to.throw(RefusedCopy);
      }),
    );
  });

  it('is refused where a later version has written it', () => {
    const later = sealRecord(record, undefined).toString().replace('good/1', 'good/2');
    expect(() => openRecord(Buffer.from(later), undefined)).to.throw(RefusedCopy);
  });

  it('is refused where a member has another type, though it is sealed', () => {
    for (const [name, values] of Object.entries({
      provider: [undefined, 1],
      location: [null],
      revision: [7],
      document: [{}],
      keptRows: [undefined, [], { a: 1 }],
      generationFloor: ['3', 1.5, null],
      fetchedAt: ['now', null],
      confirmedAt: [undefined],
      everCovered: [undefined, 'a.test', [1]],
    })) {
      for (const value of values) {
        const sealed = sealedText(JSON.stringify({ ...record, [name]: value }));
        expect(() => openRecord(sealed, undefined), `${name} ${JSON.stringify(value)}`).to.throw(RefusedCopy);
      }
    }
    expect(() => openRecord(sealedText('null'), undefined)).to.throw(RefusedCopy);
  });

  it('keeps the document in every form in which a provider hands it over', () => {
    const raw = { 'A.test': pinOf('lone'), 'b.test#x': 'none', $generation: '4' };
    const document = decodeDocument(raw);
    const text = JSON.stringify(raw);
    for (const form of [raw, text, Buffer.from(text), `\ufeff${text}`, Buffer.from(`\ufeff${text}`)])
      expect(decodeDocument(documentText(form, document))).to.deep.equal(document);
  });

  it('keeps no note and no value that was set aside: it may be a secret in the wrong row', () => {
    const canary = 'hvs.CAESIJcanary';
    const raw = { 'a.test': pinOf('lone'), 'b.test': canary, $note: canary, '$x-own': canary };
    const text = documentText(raw, decodeDocument(raw));
    expect(text).not.to.contain(canary);
    const again = decodeDocument(text);
    expect(again.badRows.map(({ pattern }) => pattern)).to.deep.equal(['b.test']);
    expect(again.rows).to.deep.equal(decodeDocument(raw).rows);
  });

  it('keeps the rows that are in force beside the document', () => {
    const pins = `${pinOf('lone')} ca:${pinOf('root')} until=2027-06-30T10:00:00.123Z review=2027-05-01 mode=report`;
    const before = decodeDocument({
      'a.test#one': pins,
      'b.test': 'none',
      'c.test': 'block',
      'd.test': 'none',
    });
    const next = decodeDocument({ 'a.test#one': '?', 'b.test': '?', 'c.test': '?', 'd.test': 'none' });
    const document = adoptDocument(next, before, new RequiredHosts([]));
    const rows = decodeDocument(keptRowsOf(document)).rows;
    expect(rows).to.deep.equal(before.rows.filter(({ pattern }) => pattern !== 'd.test'));
  });
});
