import type { PinErrorCode } from 'pinvault';

export const host = 'api.example.test';
export const other = 'other.example.test';
export const otherPin = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';

// Nobody can be reached under these: should they ever be taken, a request shows it.
export const spoiled = { [host]: otherPin, [other]: otherPin };

/** Documents that are refused whole, with what the refusal has to say. */
export const badDocuments: readonly {
  readonly what: string;
  readonly code: PinErrorCode;
  readonly rows: () => object;
  readonly facts: readonly string[];
}[] = [
  {
    what: 'malformed, a URL for a host',
    code: 'ERR_DOCUMENT_MALFORMED',
    rows: () => ({ ...spoiled, 'https://api.example.test/': otherPin }),
    facts: ['https://api.example.test/', 'without https://'],
  },
  {
    what: 'malformed, one host twice',
    code: 'ERR_DOCUMENT_MALFORMED',
    rows: () => ({ ...spoiled, 'API.example.test.': otherPin }),
    facts: ['API.example.test.', 'host#next'],
  },
  {
    what: 'malformed, a directive that does not exist',
    code: 'ERR_DOCUMENT_MALFORMED',
    rows: () => ({ ...spoiled, $revoke: otherPin }),
    facts: ['$revoke'],
  },
  {
    what: 'malformed, the whole document as the text of one row',
    code: 'ERR_DOCUMENT_MALFORMED',
    rows: () => ({ value: JSON.stringify(spoiled) }),
    facts: ['value'],
  },
  {
    what: 'malformed, not one usable row',
    code: 'ERR_DOCUMENT_MALFORMED',
    rows: () => ({ [host]: 'sha256/short' }),
    facts: [host],
  },
  { what: 'empty', code: 'ERR_DOCUMENT_EMPTY', rows: () => ({}), facts: ['none'] },
  {
    what: 'empty but for its notes',
    code: 'ERR_DOCUMENT_EMPTY',
    rows: () => ({ $note: 'rows follow tomorrow' }),
    facts: ['none'],
  },
  {
    what: 'oversized',
    code: 'ERR_DOCUMENT_TOO_LARGE',
    rows: () => ({ ...spoiled, $note: 'x'.repeat(1_100_000) }),
    facts: ['1048576', 'maxDocumentBytes'],
  },
  {
    what: 'of a newer format',
    code: 'ERR_DOCUMENT_FORMAT',
    rows: () => ({ ...spoiled, $format: 'pinvault/2' }),
    facts: ['pinvault/2'],
  },
];
