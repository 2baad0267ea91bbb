import { ia5String, objectIdentifier, printableString, sequence, setOf, utf8String } from './der.js';

const attributeTypes: ReadonlyMap<string, string> = new Map([
  ['CN', '2.5.4.3'],
  ['SERIALNUMBER', '2.5.4.5'],
  ['C', '2.5.4.6'],
  ['L', '2.5.4.7'],
  ['ST', '2.5.4.8'],
  ['O', '2.5.4.10'],
  ['OU', '2.5.4.11'],
  ['DC', '0.9.2342.19200300.100.1.25'],
  ['EMAILADDRESS', '1.2.840.113549.1.9.1'],
]);

/**
 * Encodes a name. `CN=x,O=y` is read attribute by attribute in the order written, `\` escapes the next character;
 * a text that does not begin with a known attribute is the common name as it stands, control characters included.
 */
export function encodeDistinguishedName(text: string): Buffer {
  if (text === '') return sequence();
  return sequence(...parseAttributes(text).map(([type, value]) => encodeAttribute(type, value)));
}

/** The text form that names the attribute: `x` becomes `CN=x`. */
export function canonicalSubject(text: string): string {
  return text === '' || startsWithAttribute(text) ? text : `CN=${text.replace(/[\\,]/g, '\\$&')}`;
}

function startsWithAttribute(text: string): boolean {
  const type = /^([A-Za-z]+)=/.exec(text)?.[1];
  return type !== undefined && attributeTypes.has(type.toUpperCase());
}

function parseAttributes(text: string): [type: string, value: string][] {
  if (!startsWithAttribute(text)) return [['CN', text]];
  const parts = text.match(/(?:\\[\s\S]|[^\\,])+/g) ?? [];
  return parts.map((part) => {
    const separator = part.indexOf('=');
    const type = part.slice(0, separator).trim().toUpperCase();
    if (separator < 0 || !attributeTypes.has(type))
      throw new TypeError(`not an attribute of a name: ${part}`);
    return [type, part.slice(separator + 1).replace(/\\([\s\S])/g, '$1')];
  });
}

function encodeAttribute(type: string, value: string): Buffer {
  const oid = attributeTypes.get(type);
  if (oid === undefined) throw new TypeError(`not an attribute of a name: ${type}`);
  return setOf(sequence(objectIdentifier(oid), encodeValue(type, value)));
}

function encodeValue(type: string, value: string): Buffer {
  if (type === 'C' || type === 'SERIALNUMBER') return printableString(value);
  if (type === 'DC' || type === 'EMAILADDRESS') return ia5String(value);
  return utf8String(value);
}
