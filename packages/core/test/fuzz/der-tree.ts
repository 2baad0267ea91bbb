import * as fc from 'fast-check';
import { readElement } from '#src/pin/der.js';

/** DER as a tree, so that a change in the middle mends the lengths around it, as whoever mints a certificate does. */
type Node = { readonly tag: number; readonly isLong: boolean } & (
  { readonly content: Buffer; readonly children?: undefined } | { readonly children: readonly Node[] }
);

const change = fc.record({
  kind: fc.constantFrom('flip', 'flip', 'flip', 'tag', 'delete', 'double', 'swap', 'insert', 'long'),
  at: fc.nat(1_000),
  bit: fc.nat(4_000),
  tag: fc.constantFrom(0x01, 0x02, 0x03, 0x04, 0x05, 0x0c, 0x17, 0x18, 0x30, 0x31, 0x80, 0xa0, 0xa1, 0xa3),
});
type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never;

/** A certificate of which one or two elements are changed, lengths mended. */
export function mutatedElements(certificates: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(certificates, fc.array(change, { minLength: 1, maxLength: 2 })).map(([der, changes]) => {
    let [root] = parse(der, 0, der.length);
    for (const each of changes) {
      if (root !== undefined) [root] = changed([root], { ...each, at: each.at % count([root]) });
    }
    return root === undefined ? Buffer.alloc(0) : write(root);
  });
}

function parse(der: Uint8Array, start: number, end: number): Node[] {
  const nodes: Node[] = [];
  for (let cursor = start; cursor < end;) {
    const { tag, contentStart, end: next } = readElement(der, cursor, end);
    const content = Buffer.from(der.subarray(contentStart, next));
    nodes.push(
      (tag & 0x20) === 0
        ? { tag, isLong: false, content }
        : { tag, isLong: false, children: parse(der, contentStart, next) },
    );
    cursor = next;
  }
  return nodes;
}

function write({ tag, isLong, ...node }: Node): Buffer {
  const content = node.children === undefined ? node.content : Buffer.concat(node.children.map(write));
  const hex = content.length.toString(16);
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const short = content.length < 0x80 && !isLong ? octets : Buffer.from([0x80 | octets.length, ...octets]);
  // Longer than it has to be: BER, which OpenSSL may read and DER forbids.
  const length = isLong && content.length >= 0x80 ? Buffer.from([0x81 + octets.length, 0, ...octets]) : short;
  return Buffer.concat([Buffer.from([tag]), length, content]);
}

function count(nodes: readonly Node[]): number {
  return nodes.reduce((sum, { children = [] }) => sum + 1 + count(children), 0);
}

/** The nodes, with the one at index `at`, depth first, changed. */
function changed(nodes: readonly Node[], each: Change): Node[] {
  let at = each.at;
  return nodes.flatMap((node, index) => {
    const size = count([node]);
    const isHere = at === 0;
    const isBelow = at > 0 && at < size;
    const below = { ...each, at: at - 1 };
    at -= size;
    if (isHere) return changedNode(node, nodes[index + 1], each);
    return isBelow && node.children !== undefined
      ? [{ ...node, children: changed(node.children, below) }]
      : [node];
  });
}

function changedNode(node: Node, next: Node | undefined, { kind, bit, tag }: Change): Node[] {
  switch (kind) {
    case 'delete':
      return [];
    case 'double':
      return [node, node];
    case 'swap':
      return next === undefined ? [node] : [next, node];
    case 'insert':
      return [{ tag, isLong: false, content: Buffer.from([bit & 0xff]) }, node];
    case 'tag':
      return [{ ...node, tag }];
    case 'long':
      return [{ ...node, isLong: true }];
    case 'flip': {
      if (node.children !== undefined || node.content.length === 0) return [node];
      const content = Buffer.from(node.content);
      const index = bit % (content.length * 8);
      content[index >> 3] = Number(content[index >> 3]) ^ (1 << (index & 7));
      return [{ ...node, content }];
    }
  }
}
