import { DerError, type DerElement, expectElement, readElement } from '../pin/der.js';

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
} as const;

/** The elements that fill an element's content, to its last byte. @throws DerError */
export function readChildren(der: Uint8Array, { contentStart, end }: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let cursor = contentStart; cursor < end;) {
    const child = readElement(der, cursor, end);
    children.push(child);
    cursor = child.end;
  }
  return children;
}

/** The one element that an element's content is: what follows it, another parser could read. @throws DerError */
export function readOnly(der: Uint8Array, { contentStart, end }: DerElement, tag: number): DerElement {
  const element = expectElement(der, contentStart, end, tag);
  if (element.end !== end) throw new DerError(`bytes after the element at ${element.start}`);
  return element;
}

/** A view on the whole element, header included. */
export function bytesOf(der: Uint8Array, { start, end }: Pick<DerElement, 'start' | 'end'>): Buffer {
  return Buffer.from(der.buffer, der.byteOffset + start, end - start);
}

/** A view on the element's content. */
export function contentOf(der: Uint8Array, { contentStart, end }: DerElement): Buffer {
  return bytesOf(der, { start: contentStart, end });
}

/** Content of an OID, in hexadecimal: what OIDs are compared by here. @throws DerError */
export function readOid(der: Uint8Array, element: DerElement | undefined): string {
  if (element?.tag !== tags.oid) throw new DerError('no object identifier where one must be');
  return contentOf(der, element).toString('hex');
}

/** X.690 §11.1: TRUE is 0xff and nothing else; other bytes are read as true by some and refused by others. @throws DerError */
export function readBoolean(der: Uint8Array, element: DerElement): boolean {
  const content = contentOf(der, element).toString('hex');
  if (content !== 'ff' && content !== '00') throw new DerError(`malformed boolean at ${element.start}`);
  return content === 'ff';
}
