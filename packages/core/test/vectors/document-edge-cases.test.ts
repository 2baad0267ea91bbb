import { expect } from 'chai';
import { PinDocumentError } from '#src/errors.js';
import { decodeDocument } from '#src/policy/decode.js';
import type { PinDocument } from '#src/policy/document.js';
import { Policy } from '#src/policy/policy.js';
import { createEnvProvider } from '#src/providers/env-provider.js';
import { readVectors } from '../support/vectors.js';

interface DocumentCase {
  readonly id: string;
  readonly raw?: string;
  readonly bytesBase64?: string;
  readonly generate?: { before: string; fill: string; times: number; after: string; bytes: number };
  readonly expect: 'accept' | 'reject';
  readonly reason?: string | null;
  readonly hint?: string;
  readonly pins?: Readonly<Record<string, readonly string[]>>;
  readonly badRows?: Readonly<Record<string, string>>;
  readonly maxDocumentBytes?: number;
}

const { cases, around } = readVectors('document-edge-cases') as {
  cases: readonly DocumentCase[];
  around: readonly { id: string; expect: string }[];
};

// What a refusal's code is where it is not the general one.
const codes: Readonly<Record<string, string>> = {
  empty: 'ERR_DOCUMENT_EMPTY',
  'too-large': 'ERR_DOCUMENT_TOO_LARGE',
  format: 'ERR_DOCUMENT_FORMAT',
};

describe('the vectors of documents', () => {
  it('are all there', () => {
    expect(cases).to.have.length.at.least(70);
    expect(cases.filter((each) => each.expect === 'reject')).to.have.length.at.least(40);
    expect(around).to.have.length.at.least(5);
  });

  for (const each of cases.filter(({ expect: answer }) => answer === 'accept')) {
    it(`takes ${each.id}`, () => {
      const document = decode(each);
      expect(Object.fromEntries(document.badRows.map((row) => [row.key, row.reason]))).to.deep.equal(
        each.badRows ?? {},
      );
      for (const [host, pins] of Object.entries(each.pins ?? {})) {
        const rule = new Policy(document).lookup(host, undefined);
        expect(rule.kind).to.equal('pins');
        if (rule.kind === 'pins') expect(rule.pins.map((entry) => entry.pin)).to.have.members(pins);
      }
      expect(document.rows).to.have.length.at.least(1);
    });
  }

  for (const each of cases.filter(({ expect: answer }) => answer === 'reject')) {
    it(`refuses ${each.id}: ${each.reason}`, () => {
      let error: unknown;
      try {
        decode(each);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).to.be.an.instanceof(PinDocumentError);
      const { code, reason, hint = '' } = error as PinDocumentError;
      expect(reason).to.equal(each.reason);
      expect(code).to.equal(codes[each.reason ?? ''] ?? 'ERR_DOCUMENT_MALFORMED');
      for (const fact of hintFacts(each.hint)) expect(`${hint} ${(error as Error).message}`).to.contain(fact);
    });
  }

  it('takes what an object holds, as the store handed it over', () => {
    const { rows } = decodeDocument({ 'api.example.com': 'none' });
    expect(rows.map((row) => [row.pattern, row.rule])).to.deep.equal([['api.example.com', 'none']]);
  });

  it('refuses a page of HTML that stands where an object was expected', () => {
    expect(() => decodeDocument('<html>sign in</html>'))
      .to.throw(PinDocumentError)
      .with.property('reason', 'not-json');
  });

  for (const env of [{}, { PINVAULT_PINS: '' }, { PINVAULT_PINS: '', PINVAULT_PINS_B64: '' }]) {
    it(`takes the environment ${JSON.stringify(env)} as unset`, async () => {
      const { signal } = new AbortController();
      const error: unknown = await createEnvProvider({ env })
        .read({ signal })
        .catch((thrown: unknown) => thrown);
      expect(error).to.have.property('code', 'ERR_PROVIDER_NOT_FOUND');
    });
  }
});

function decode({ raw, bytesBase64, generate, maxDocumentBytes }: DocumentCase): PinDocument {
  const options = maxDocumentBytes === undefined ? {} : { maxDocumentBytes };
  if (bytesBase64 !== undefined) return decodeDocument(Buffer.from(bytesBase64, 'base64'), options);
  if (generate === undefined) return decodeDocument(raw ?? '', options);
  const text = `${generate.before}${generate.fill.repeat(generate.times)}${generate.after}`;
  expect(Buffer.byteLength(text)).to.equal(generate.bytes);
  return decodeDocument(text, options);
}

// The hints of the file are words for people; what has to be in ours are the facts.
function hintFacts(hint = ''): readonly string[] {
  return hint.replace('use none', 'says none').replace('UTF-16: NUL bytes', 'UTF-16, NUL bytes').split(', ');
}
