import { expect } from 'chai';
import * as fc from 'fast-check';
import { HostSyntaxError } from '#src/policy/host.js';
import { HostPatternMap, parseHostPattern, type HostPattern } from '#src/policy/host-pattern.js';

describe('a host pattern', () => {
  for (const [written, text] of [
    ['API.Example.com.', 'api.example.com'],
    ['*.Example.com', '*.example.com'],
    ['**.bücher.example:8443', '**.xn--bcher-kva.example:8443'],
    ['[::1]:8443', '[::1]:8443'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['10.0.0.1:443', '10.0.0.1:443'],
    ['*', '*'],
  ] as const) {
    it(`${written} is ${text}, also when it is read again`, () => {
      const pattern = parseHostPattern(written);
      expect(pattern.text).to.equal(text);
      expect(parseHostPattern(pattern.text)).to.deep.equal(pattern);
      expect(Object.isFrozen(pattern)).to.equal(true);
    });
  }

  for (const text of [
    '',
    '*:443',
    '*.10.0.0.1',
    '**.::1',
    '2001:DB8:0::1',
    '2001:db8::1:99999',
    'a.test:0',
    '*.',
    'a*.test',
    '*.*.test',
    'a b',
    '2001:db8:0:0:0:0:0:1:443',
  ]) {
    it(`${JSON.stringify(text)} is refused`, () => {
      expect(() => parseHostPattern(text)).to.throw(HostSyntaxError);
    });
  }
});

describe('the pattern that governs', () => {
  const label = fc.constantFrom('a', 'b', 'c');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const port = fc.constantFrom(undefined, 443, 8443);
  const pattern = fc.oneof(
    { weight: 1, arbitrary: fc.constant('*') },
    {
      weight: 9,
      arbitrary: fc
        .tuple(fc.constantFrom('', '*.', '**.'), name, port)
        .map(([kind, host, number]) => `${kind}${host}${number === undefined ? '' : `:${number}`}`),
    },
  );

  it('is the one that a naive search finds, for any patterns, host and port', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), name, port, (patterns, host, number) => {
        const map = new HostPatternMap<string>();
        for (const each of patterns) map.set(parseHostPattern(each).text, each);
        const found = map.find(host, number);
        expect(found).to.deep.equal(searchNaively(patterns.map(parseHostPattern), host, number));
      }),
      { numRuns: 3_000 },
    );
  });

  it('of an address is the address itself, or the catch-all', () => {
    const map = new HostPatternMap<string>();
    for (const each of ['*.0.0.1x.test', '10.0.0.1', '[::1]:443', '*'])
      map.set(parseHostPattern(each).text, each);
    expect(map.find('10.0.0.1', 443)).to.deep.equal({ found: true, value: '10.0.0.1' });
    expect(map.find('10.0.0.2', 443)).to.deep.equal({ found: true, value: '*' });
    expect(map.find('::1', 443)).to.deep.equal({ found: true, value: '[::1]:443' });
    expect(map.find('::1', undefined)).to.deep.equal({ found: false, needsPort: true });
  });

  it('is found by its own text', () => {
    const map = new HostPatternMap<number>();
    map.set(parseHostPattern('A.test:443').text, 1);
    expect(map.get('a.test:443')).to.equal(1);
    expect(map.get('a.test')).to.equal(undefined);
    expect(map.get('*')).to.equal(undefined);
    map.set('*', 2);
    map.set('[::1]:443', 3);
    map.set('a.test:8443', 4);
    expect(['*', '[::1]:443', 'a.test:443', 'a.test:8443'].map((text) => map.get(text))).to.deep.equal([
      2, 3, 1, 4,
    ]);
  });

  it('is never a member of Object.prototype', () => {
    const map = new HostPatternMap<number>();
    expect(map.find('constructor', undefined)).to.deep.equal({ found: false, needsPort: false });
    expect(map.find('tostring', 443)).to.deep.equal({ found: false, needsPort: false });
  });
});

/** Every pattern that fits, sorted as the contract says; a key with a port fits only where the port is known. */
function searchNaively(
  patterns: readonly HostPattern[],
  host: string,
  port: number | undefined,
): ReturnType<HostPatternMap<string>['find']> {
  const fits = patterns.filter(({ kind, name }) => {
    if (kind === 'catch-all') return true;
    if (kind === 'exact') return host === name;
    const parents = host.split('.').length - name.split('.').length;
    if (!`.${host}`.endsWith(`.${name}`)) return false;
    return kind === 'any-depth' ? parents >= 0 : parents === 1;
  });
  const rank = ({ kind }: HostPattern): number =>
    ['exact', 'one-label', 'any-depth', 'catch-all'].indexOf(kind);
  const labels = ({ name }: HostPattern): number => name.split('.').length;
  const governing = fits
    .filter((pattern) => pattern.port === undefined || pattern.port === port)
    .sort(
      (left, right) =>
        rank(left) - rank(right) ||
        labels(right) - labels(left) ||
        Number(right.port !== undefined) - Number(left.port !== undefined),
    )[0];
  const needsPort = port === undefined && fits.some((pattern) => pattern.port !== undefined);
  // The catch-all is for hosts that no other key covers.
  if (governing === undefined || (governing.kind === 'catch-all' && needsPort))
    return { found: false, needsPort };
  return { found: true, value: governing.text };
}
