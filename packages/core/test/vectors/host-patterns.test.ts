import { expect } from 'chai';
import { decodeDocument } from '#src/policy/decode.js';
import { PinDocumentError } from '#src/errors.js';
import { HostSyntaxError, normaliseHost, parseTarget } from '#src/policy/host.js';
import { HostPatternMap, parseHostPattern } from '#src/policy/host-pattern.js';
import { Policy } from '#src/policy/policy.js';
import { thrownBy } from '../support/errors.js';
import { readVectors } from '../support/vectors.js';

interface HostPatternVectors {
  readonly cases: readonly { pattern: string; host: string; expect: 'match' | 'no-match' | 'refuse-host' }[];
  readonly normalise: readonly { input: string; canonical: string }[];
  readonly refuseHosts: readonly { host: string; reason: string }[];
  readonly refusePatterns: readonly { pattern: string; reason: string }[];
  readonly precedence: readonly {
    patterns: readonly string[];
    host: string;
    port?: number;
    governs: string | null;
  }[];
  readonly collisions: readonly { patterns: readonly string[] }[];
  readonly settled: readonly { pattern: string; expect: 'accept' }[];
}

const vectors = readVectors('host-patterns') as HostPatternVectors;
const pin = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const policyOf = (patterns: readonly string[]): Policy =>
  new Policy(decodeDocument(Object.fromEntries(patterns.map((pattern) => [pattern, pin]))));
const written = (text: string): string => JSON.stringify(text);

describe('the vectors of host patterns', () => {
  it('are all there', () => {
    expect(vectors.cases).to.have.length.at.least(44);
    expect(vectors.normalise).to.have.length.at.least(7);
    expect(vectors.refuseHosts).to.have.length.at.least(8);
    expect(vectors.refusePatterns).to.have.length.at.least(14);
    expect(vectors.precedence).to.have.length.at.least(12);
    expect(vectors.collisions).to.have.length.at.least(3);
    expect(vectors.settled).to.have.length.at.least(1);
  });

  for (const { pattern, host, expect: answer } of vectors.cases) {
    it(`${pattern} and the host ${written(host)}: ${answer}`, () => {
      if (answer === 'refuse-host') {
        expect(() => normaliseHost(host)).to.throw(HostSyntaxError);
        return;
      }
      const governing = policyOf([pattern]).lookup(normaliseHost(host), undefined);
      expect(governing.kind).to.equal(answer === 'match' ? 'pins' : 'uncovered');
    });
  }

  for (const { input, canonical } of vectors.normalise) {
    it(`${input} becomes ${canonical}`, () => {
      expect(normaliseHost(input)).to.equal(canonical);
      expect(normaliseHost(canonical)).to.equal(canonical);
    });
  }

  for (const { host, reason } of vectors.refuseHosts) {
    it(`refuses the host ${written(host)}: ${reason}`, () => {
      expect(() => normaliseHost(host)).to.throw(HostSyntaxError);
      expect(() => parseTarget(host)).to.throw(HostSyntaxError);
    });
  }

  for (const { pattern, reason } of vectors.refusePatterns) {
    it(`refuses the pattern ${pattern}: ${reason}`, () => {
      expect(() => parseHostPattern(pattern)).to.throw(HostSyntaxError);
      const error = thrownBy(() => policyOf([pattern]), PinDocumentError, 'ERR_DOCUMENT_MALFORMED');
      expect(error.reason).to.equal('bad-key');
    });
  }

  for (const { patterns, host, port, governs } of vectors.precedence) {
    it(`${governs ?? 'nothing'} of ${patterns.join(', ')} governs ${host}${port === undefined ? '' : `, port ${port}`}`, () => {
      for (const order of [patterns, patterns.toReversed()]) {
        const governing = policyOf(order).lookup(host, port);
        expect(governing.kind === 'uncovered' ? null : governing.pattern).to.equal(governs);
        const map = new HostPatternMap<string>();
        for (const pattern of order) map.set(parseHostPattern(pattern).text, pattern);
        const found = map.find(host, port);
        expect(found.found ? found.value : null).to.equal(governs);
      }
    });
  }

  for (const { patterns } of vectors.collisions) {
    it(`refuses a document with ${patterns.join(' and ')}`, () => {
      const error = thrownBy(() => policyOf(patterns), PinDocumentError, 'ERR_DOCUMENT_MALFORMED');
      expect(error.reason).to.equal('duplicate-key');
    });
  }

  for (const { pattern } of vectors.settled) {
    it(`reads ${pattern}`, () => {
      expect(parseHostPattern(pattern).text).to.equal(pattern);
    });
  }
});
