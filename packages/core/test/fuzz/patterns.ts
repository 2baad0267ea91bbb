import { expect } from 'chai';
import * as fc from 'fast-check';
import { decodeDocument } from '#src/policy/decode.js';
import { HostSyntaxError, normaliseHost, parseTarget } from '#src/policy/host.js';
import { Policy } from '#src/policy/policy.js';
import { nastyText } from './arbitraries.js';
import { type Property, property } from './property.js';

const one = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

/** A name as labels; one of them has another spelling before IDNA. */
const labels = fc.array(fc.constantFrom('a', 'b', 'c', 'xn--bcher-kva'), { minLength: 1, maxLength: 5 });
const port = fc.constantFrom(undefined, 443, 8443);

interface Key {
  readonly kind: 'exact' | '*.' | '**.' | '*';
  readonly labels: readonly string[];
  readonly port: number | undefined;
}

const key: fc.Arbitrary<Key> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Key>({ kind: '*', labels: [], port: undefined }) },
  {
    weight: 9,
    arbitrary: fc.record({ kind: fc.constantFrom<Key['kind']>('exact', '*.', '**.'), labels, port }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant<Key['kind']>('exact'),
      labels: fc.constantFrom(['10.0.0.1'], ['::1'], ['2001:db8::1']),
      port,
    }),
  },
);

/** The key as a document has it, in a spelling that is normalised away. */
function written({ kind, labels: name, port: number }: Key, spelling: number): string {
  if (kind === '*') return '*';
  const host = spelt(name, spelling);
  const bracketed = host.includes(':') && number !== undefined ? `[${host}]` : host;
  return `${kind === 'exact' ? '' : kind}${bracketed}${number === undefined ? '' : `:${number}`}`;
}

/** The same host, as somebody may write it. */
function spelt(name: readonly string[], spelling: number): string {
  const plain = name.join('.');
  if (name.length === 1 && /^[0-9a-f.:]*[.:]/u.test(plain))
    return spelling % 2 === 0 ? plain : plain.toUpperCase();
  const unicode = plain.replaceAll('xn--bcher-kva', 'b\u00fccher');
  return (
    [plain, plain.toUpperCase(), `${plain}.`, unicode, unicode.toUpperCase(), plain.replace('.', '\u3002')][
      spelling
    ] ?? plain
  );
}

/** Contract §3 over labels, put down naively: every key that fits, the most specific one of them first. */
function governing(
  keys: readonly Key[],
  host: readonly string[],
  number: number | undefined,
): Key | 'needs-port' | undefined {
  const isAddress = host.length === 1 && /[.:]/u.test(host[0] ?? '');
  const fits = keys.filter((each) => {
    if (each.kind === '*') return true;
    if (each.kind === 'exact') return each.labels.join() === host.join();
    if (isAddress || each.labels.join() !== host.slice(host.length - each.labels.length).join()) return false;
    const more = host.length - each.labels.length;
    return each.kind === '**.' ? more >= 0 : more === 1;
  });
  const kinds = ['exact', '*.', '**.', '*'];
  const [best] = fits
    .filter((each) => each.port === undefined || each.port === number)
    .toSorted(
      (left, right) =>
        kinds.indexOf(left.kind) - kinds.indexOf(right.kind) ||
        right.labels.length - left.labels.length ||
        Number(right.port !== undefined) - Number(left.port !== undefined),
    );
  // "If only such keys fit, the host is refused with that hint": the catch-all is for what nothing else covers.
  const onlyWithPort = number === undefined && fits.some((each) => each.port !== undefined);
  return (best === undefined || best.kind === '*') && onlyWithPort ? 'needs-port' : best;
}

export const patternProperties: readonly Property[] = [
  property(
    'patterns',
    'the key that governs is the one that the contract names, however keys and host are spelt',
    500,
    fc.tuple(
      fc.uniqueArray(key, { minLength: 1, maxLength: 14, selector: (each) => written(each, 0) }),
      fc.oneof(
        { weight: 8, arbitrary: labels },
        { weight: 1, arbitrary: fc.constantFrom(['10.0.0.1'], ['::1']) },
      ),
      port,
      fc.array(fc.nat(5), { minLength: 15, maxLength: 15 }),
    ),
    ([keys, host, number, spellings]) => {
      const rows = keys.map((each, index): [string, string] => [written(each, spellings[index] ?? 0), one]);
      const policy = new Policy(decodeDocument(Object.fromEntries(rows)));
      const found = policy.lookup(normaliseHost(spelt(host, spellings[14] ?? 0)), number);
      const wanted = governing(keys, host, number);
      if (wanted === undefined || wanted === 'needs-port') {
        expect(found).to.deep.equal({ kind: 'uncovered', needsPort: wanted === 'needs-port' });
      } else expect(found).to.include({ kind: 'pins', pattern: written(wanted, 0) });
    },
  ),
  property(
    'hosts',
    'a host normalises to what stays the same when it is normalised again, or is a HostSyntaxError',
    1_000,
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      nastyText,
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6(),
      fc.string({
        unit: fc.constantFrom(...Array.from('aB1.-_:[]%\u00fc\u00df\u3002\uff11\u212a\u0130')),
        maxLength: 30,
      }),
    ),
    (text) => {
      for (const read of [normaliseHost, (host: string): string => parseTarget(host).host]) {
        let host: string;
        try {
          host = read(text);
        } catch (error) {
          expect(error).to.be.an.instanceof(HostSyntaxError);
          continue;
        }
        expect(host).to.match(/^(?:[a-z0-9_.-]{1,253}|[0-9a-f:]+)$/u);
        expect(normaliseHost(host)).to.equal(host);
        // What one spelling finds, every spelling finds.
        expect(normaliseHost(host.toUpperCase())).to.equal(host);
        if (!/^[0-9.]+$|:/u.test(host)) expect(normaliseHost(`${host}.`)).to.equal(host);
      }
    },
  ),
];
