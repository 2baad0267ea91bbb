import { expect } from 'chai';
import * as fc from 'fast-check';
import { PinDocumentError } from '#src/errors.js';
import { decodeDocument } from '#src/policy/decode.js';
import type { DocumentRow, PinDocument } from '#src/policy/document.js';
import { parseHostPattern } from '#src/policy/host-pattern.js';
import { canonicalPin, digest, mutatedBytes, mutatedText, nastyText } from './arbitraries.js';
import { type Property, property, prototypesAreUntouched } from './property.js';

const day = fc.constantFrom(
  '2027-06-30',
  '2026-02-28',
  '2099-12-31T23:59:59Z',
  '2027-01-01T00:00:00.5+02:00',
);

/** What a row says, and then both forms in which it may be written. */
const pinRow = fc.record(
  {
    pins: fc.uniqueArray(fc.oneof(canonicalPin, digest.map(certificatePin)), { minLength: 1, maxLength: 3 }),
    mode: fc.constantFrom('enforce', 'report'),
    until: day,
    review: day,
  },
  { requiredKeys: ['pins'] },
);

function certificatePin(base64: string): string {
  return `cert-sha256:${Buffer.from(base64, 'base64').toString('hex')}`;
}

interface WrittenRow {
  readonly short: string;
  readonly long: unknown;
}

const row: fc.Arbitrary<WrittenRow> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.constantFrom('none', 'block').map((rule) => ({ short: rule, long: { pins: [rule] } })),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(pinRow, fc.constantFrom(' ', ', ', ';', '\n', '\t \r\n'), fc.boolean())
      .map(([{ pins, ...attributes }, separator, isTurned]) => {
        const tokens = [...pins, ...Object.entries(attributes).map(([name, value]) => `${name}=${value}`)];
        const members = Object.entries({ pins, ...attributes });
        const long = Object.fromEntries(isTurned ? members.toReversed() : members);
        return { short: tokens.join(separator), long };
      }),
  },
);

const host = fc.constantFrom(
  'a.test',
  '*.a.test',
  '**.test',
  '*',
  'b.test:8443',
  '10.0.0.1',
  '[::1]:443',
  'constructor',
);
const label = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom('#next', '#', '#x y') },
);
const rows = fc.dictionary(
  fc.tuple(host, label).map(([name, text]) => name + text),
  row,
  { minKeys: 1, maxKeys: 6, noNullPrototype: true },
);

const directives = fc.record(
  {
    $revoked: fc.array(canonicalPin, { minLength: 1, maxLength: 2 }).map((pins) => pins.join(' ')),
    '$revoked#b': canonicalPin,
    $generation: fc.oneof(fc.nat(), fc.nat().map(String)),
    $expires: day,
    $format: fc.constant('pinvault/1'),
    $note: fc.string(),
    '$note#2': fc.string(),
    '$x-any': fc.jsonValue(),
  },
  { requiredKeys: [] },
);

type Written = Readonly<Record<string, unknown>>;
const shortDocument: fc.Arbitrary<Written> = fc
  .tuple(rows, directives)
  .map(([written, more]) => ({ ...more, ...mapped(written, ({ short }) => short) }));
const documentText = shortDocument.map((value) => JSON.stringify(value));

function mapped(written: Readonly<Record<string, WrittenRow>>, form: (row: WrittenRow) => unknown): Written {
  return Object.fromEntries(Object.entries(written).map(([key, value]) => [key, form(value)]));
}

/** A value for a row that nobody foresaw. */
const anyValue = fc.oneof(
  fc.jsonValue(),
  nastyText,
  fc.array(fc.oneof(nastyText, canonicalPin, fc.jsonValue()), { maxLength: 3 }),
  fc.dictionary(
    fc.constantFrom('pins', 'mode', 'until', 'review', 'constructor', 'toString', 'polluted'),
    fc.oneof(fc.jsonValue(), canonicalPin, nastyText),
    { noNullPrototype: true },
  ),
  mutatedText(canonicalPin),
);

export const documentProperties: readonly Property[] = [
  property(
    'documents',
    'a document is the same frozen value in short and long form, from text, bytes and object, in any order of its rows',
    150,
    fc.tuple(rows, directives),
    ([written, more]) => {
      const short = { ...more, ...mapped(written, (each) => each.short) };
      const long = { ...mapped(written, (each) => each.long), ...more };
      const document = decodeDocument(short);
      expect(document.badRows.every((each) => each.overruledBy !== undefined)).to.equal(true);
      expectFrozen(document);
      const turned = Object.fromEntries(Object.entries(long).toReversed());
      const text = JSON.stringify(long, undefined, 1);
      for (const form of [long, turned, text, `\ufeff${text}`, Buffer.from(text)])
        expect(decodeDocument(form)).to.deep.equal(document);
      expect(structuredClone(document)).to.deep.equal(document);
    },
  ),
  property(
    'documents-again',
    'a document that is written out and read again is the same document',
    150,
    shortDocument,
    (value) => {
      const { notes: _notes, warnings: _warnings, badRows: _badRows, ...document } = decodeDocument(value);
      const { notes, warnings: _again, badRows, ...again } = decodeDocument(encode(document));
      const unlabelled = (each: Omit<PinDocument, 'notes' | 'warnings' | 'badRows'>): unknown => ({
        ...each,
        revoked: each.revoked.map(({ pin, where }) => ({ pin, where })),
      });
      expect(unlabelled(again)).to.deep.equal(unlabelled(document));
      expect([...notes, ...badRows]).to.deep.equal([]);
    },
  ),
  property(
    'document-text',
    'text that was damaged is a document or a PinDocumentError, and touches no prototype',
    600,
    fc.oneof(mutatedText(documentText), fc.string({ unit: 'binary' }), fc.json(), nastyText),
    (text) => {
      decodeOrRefuse(text);
      expect(prototypesAreUntouched()).to.equal(true);
    },
  ),
  property(
    'document-bytes',
    'bytes that were damaged are a document or a PinDocumentError',
    300,
    fc.oneof(mutatedBytes(documentText.map((text) => Buffer.from(text))), fc.uint8Array()),
    (bytes) => void decodeOrRefuse(bytes),
  ),
  property(
    'neighbours',
    'whatever stands in one row, the others are read as if it were not there',
    400,
    fc.tuple(
      rows,
      anyValue,
      fc.constantFrom('other.test', '**.other.test', 'other.test#label', 'other.test:1', 'tostring'),
    ),
    ([written, value, key]) => {
      const good = mapped(written, (each) => each.short);
      const alone = decodeDocument(good);
      const both = decodeDocument({ ...good, [key]: value });
      const { pattern } = parseHostPatternOf(key);
      const isOther = (each: { readonly pattern: string }): boolean => each.pattern !== pattern;
      expect(both.rows.filter(isOther)).to.deep.equal(alone.rows);
      expect(both.badRows.filter(isOther)).to.deep.equal(alone.badRows);
      expect(both.rows.length + both.badRows.length).to.equal(alone.rows.length + alone.badRows.length + 1);
      expectFrozen(both);
      expect(prototypesAreUntouched()).to.equal(true);
    },
  ),
  property(
    'prototypes',
    'names of prototypes are names like others, or refused: as keys, as labels, as members of the long form',
    300,
    fc.tuple(
      fc.constantFrom(
        '__proto__',
        'constructor',
        'prototype',
        'toString',
        'valueOf',
        'hasOwnProperty',
        '__defineGetter__',
      ),
      fc.constantFrom('key', 'label', 'member', 'nested', 'directive'),
      fc.oneof(canonicalPin, fc.constant('{"polluted":1}')),
    ),
    ([name, place, value]) => {
      const json = JSON.stringify(name);
      const inner = value.startsWith('{') ? value : JSON.stringify(value);
      const member = {
        key: `${json}:${inner}`,
        label: `"b.test#${name}":${inner}`,
        member: `"b.test":{${json}:${inner},"pins":["none"]}`,
        nested: `"b.test":{"pins":{${json}:${inner}}}`,
        directive: `"$x-${name}":{${json}:${inner}}`,
      }[place];
      const document = decodeOrRefuse(`{"a.test":"none",${member}}`);
      expect(prototypesAreUntouched()).to.equal(true);
      expect(document === undefined).to.equal(place === 'key' && name === '__proto__');
      if (place === 'member' || place === 'nested') expect(document?.badRows).to.have.length(1);
    },
  ),
];

function parseHostPatternOf(key: string): { readonly pattern: string } {
  return { pattern: parseHostPattern(key.split('#')[0] ?? '').text };
}

function decodeOrRefuse(raw: string | Uint8Array): PinDocument | undefined {
  try {
    const document = decodeDocument(raw);
    expectFrozen(document);
    for (const { pattern } of [...document.rows, ...document.badRows])
      expect(parseHostPattern(pattern).text).to.equal(pattern);
    return document;
  } catch (error) {
    expect(error).to.be.an.instanceof(PinDocumentError);
    return undefined;
  }
}

/** Writes a document as an operator would write it. */
function encode({
  rows: decoded,
  revoked,
  generation,
  expiresAt,
}: Omit<PinDocument, 'notes' | 'warnings' | 'badRows'>): Written {
  const asDate = (instant: number): string => new Date(instant).toISOString();
  const value = ({ rule, pins, mode }: DocumentRow): unknown => {
    if (rule !== 'pins') return rule;
    const [{ until, review } = {}] = pins;
    return {
      pins: pins.map(({ pin }) => pin),
      ...(mode === undefined ? {} : { mode }),
      ...(until === undefined ? {} : { until: asDate(until) }),
      ...(review === undefined ? {} : { review: asDate(review) }),
    };
  };
  const key = ({ pattern, label: text }: DocumentRow): string =>
    text === undefined ? pattern : `${pattern}#${text}`;
  const revocations = revoked.map(({ pin, where, label: text }, index): [string, string] => [
    // One row for each; numbered in front, so that they come back in their order.
    `$revoked#${String(index).padStart(3, '0')}${text === undefined ? '' : `#${text}`}`,
    where === 'leaf' ? pin : `ca:${pin}`,
  ]);
  return {
    ...Object.fromEntries(decoded.map((each) => [key(each), value(each)])),
    ...Object.fromEntries(revocations),
    ...(generation === undefined ? {} : { $generation: generation }),
    ...(expiresAt === undefined ? {} : { $expires: asDate(expiresAt) }),
  };
}

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  expect(Object.isFrozen(value)).to.equal(true);
  for (const part of Object.values(value)) expectFrozen(part);
}
