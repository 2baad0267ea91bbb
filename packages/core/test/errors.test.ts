import { inspect } from 'node:util';
import { expect } from 'chai';
import {
  findPinError,
  invalidOption,
  messageWithoutCode,
  PinDocumentError,
  PinError,
  pinErrorCode,
  pinErrorCodes,
  PinMismatchError,
  PinProviderError,
  PinResolverError,
  type PinErrorCode,
} from '#src/errors.js';

const mismatch = new PinMismatchError('ERR_PIN_MISMATCH', 'a.test:443: no pin matched', {
  host: 'a.test',
  port: 443,
  pattern: '*.test',
  presented: [{ pin: 'sha256/x', subject: 'CN=a' }],
  expected: ['sha256/y'],
  revision: '7',
});
const place = { reason: 'bad-pin', key: 'a.test', tokenIndex: 1, position: 2, hint: 'type it anew' } as const;

// One row per class: what it is called, one of its codes, and what JSON shows beside name, code and message.
const table: readonly { error: PinError; name: string; code: PinErrorCode; json: Record<string, unknown> }[] =
  [
    {
      error: mismatch,
      name: 'PinMismatchError',
      code: 'ERR_PIN_MISMATCH',
      json: {
        host: 'a.test',
        port: 443,
        pattern: '*.test',
        presented: [{ pin: 'sha256/x', subject: 'CN=a' }],
        expected: ['sha256/y'],
        revision: '7',
      },
    },
    {
      error: new PinMismatchError('ERR_PIN_NOT_LOADED', 'not loaded', { host: 'a.test' }),
      name: 'PinMismatchError',
      code: 'ERR_PIN_NOT_LOADED',
      json: { host: 'a.test', presented: [], expected: [] },
    },
    {
      error: new PinDocumentError('ERR_PIN_SYNTAX', 'no pin', place),
      name: 'PinDocumentError',
      code: 'ERR_PIN_SYNTAX',
      json: place,
    },
    {
      error: new PinProviderError('ERR_PROVIDER_THROTTLED', 'slow down', {
        provider: 'vault',
        detail: 'quota',
        retryAfterMs: 5_000,
      }),
      name: 'PinProviderError',
      code: 'ERR_PROVIDER_THROTTLED',
      json: { provider: 'vault', detail: 'quota', retryAfterMs: 5_000 },
    },
    {
      error: new PinResolverError('ERR_RESOLVER_CLOSED', 'closed'),
      name: 'PinResolverError',
      code: 'ERR_RESOLVER_CLOSED',
      json: {},
    },
  ];

/** What another copy of the package would make: same marker, other class. */
function foreignPinError(code: string): Error {
  const error = Object.assign(new Error(`${code}: from another copy`), { code });
  return Object.defineProperty(error, Symbol.for('@pinvault/core.error'), { value: true });
}

describe('an error', () => {
  for (const { error, name, code, json } of table) {
    it(`${name} with ${code} has its name, code, marker and JSON`, () => {
      expect(error).to.be.an.instanceof(PinError).and.an.instanceof(Error);
      expect(error.name).to.equal(name);
      expect(error.code).to.equal(code);
      expect(error.message.startsWith(`${code}: `)).to.equal(true);
      expect(PinError.isPinError(error)).to.equal(true);
      expect(Object.keys(error)).not.to.include('marker');
      expect(JSON.parse(JSON.stringify(error))).to.deep.equal({
        name,
        code,
        message: error.message,
        ...json,
      });
      expect(findPinError(error)).to.equal(error);
      expect(pinErrorCode(error)).to.equal(code);
      expect(pinErrorCodes).to.include(code);
    });
  }

  it('of a document says what to do, and can be named after its source', () => {
    const error = new PinDocumentError('ERR_PIN_SYNTAX', 'no pin', place);
    expect(error.message).to.equal('ERR_PIN_SYNTAX: no pin (type it anew)');
    const named = error.in('vault secret/tls-pins');
    expect(named).to.include({ code: 'ERR_PIN_SYNTAX', cause: error, ...place });
    expect(named.message).to.contain('vault secret/tls-pins: no pin');
  });

  it('of a provider keeps a cause only where it was given one', () => {
    const cause = new Error('sanitised');
    expect(new PinProviderError('ERR_PROVIDER_DENIED', 'x', { provider: 'v', cause }).cause).to.equal(cause);
    expect('cause' in new PinProviderError('ERR_PROVIDER_DENIED', 'x', { provider: 'v' })).to.equal(false);
  });

  it('has a text without its code, for those who name the code themselves', () => {
    expect(messageWithoutCode(mismatch)).to.equal('a.test:443: no pin matched');
    expect(messageWithoutCode({ code: 'ERR_PIN_SYNTAX', message: 'no pin' })).to.equal('no pin');
  });

  it("about a caller's own mistake is a TypeError that names the option", () => {
    const error = invalidOption('mode', 'is neither');
    expect(error).to.be.an.instanceof(TypeError);
    expect(error.code).to.equal('ERR_INVALID_OPTION');
    expect(error.message).to.contain('mode is neither');
    expect(PinError.isPinError(error)).to.equal(false);
    expect(pinErrorCode(error)).to.equal('ERR_INVALID_OPTION');
    expect(pinErrorCode(new Error('wrapped', { cause: error }))).to.equal('ERR_INVALID_OPTION');
  });
});

describe('the codes', () => {
  it('are the ones of the contract', () => {
    expect([...pinErrorCodes].sort((left, right) => (left < right ? -1 : 1))).to.deep.equal(
      [
        ...['MISMATCH', 'REVOKED', 'EXPIRED', 'HOST_UNCOVERED', 'HOST_BLOCKED', 'NOT_LOADED', 'ROW_INVALID'],
        ...['SYNTAX', 'CHAIN_UNVERIFIED', 'INSECURE_SCHEME'],
      ]
        .map((word) => `ERR_PIN_${word}`)
        .concat(
          ['MALFORMED', 'EMPTY', 'TOO_LARGE', 'ROLLBACK', 'FORMAT', 'REQUIRED_HOST'].map(
            (word) => `ERR_DOCUMENT_${word}`,
          ),
          ['NOT_FOUND', 'DENIED', 'UNAVAILABLE', 'TIMEOUT', 'THROTTLED', 'MISCONFIGURED', 'SDK_MISSING'].map(
            (word) => `ERR_PROVIDER_${word}`,
          ),
          ['NOT_READY', 'EXPIRED', 'CLOSED'].map((word) => `ERR_RESOLVER_${word}`),
          ['ERR_INVALID_OPTION'],
        )
        .sort((left, right) => (left < right ? -1 : 1)),
    );
    expect(Object.isFrozen(pinErrorCodes)).to.equal(true);
  });

  it('is the one of ours, where a client has written its own over it', () => {
    const refusal = new PinMismatchError('ERR_PIN_REVOKED', 'a.test:443: revoked', { host: 'a.test' });
    expect(pinErrorCode(Object.assign(refusal, { code: 'ESOCKET' }))).to.equal('ERR_PIN_REVOKED');
    expect(pinErrorCode(new Error('wrapped', { cause: refusal }))).to.equal('ERR_PIN_REVOKED');
  });

  for (const code of pinErrorCodes) {
    it(`${code} is read out of a text`, () => {
      expect(pinErrorCode(new Error(`14 UNAVAILABLE: ${code}: a.test`))).to.equal(code);
      expect(pinErrorCode({ code })).to.equal(code);
    });
  }
});

describe('findPinError', () => {
  it('looks through causes and lists, whatever wraps them', () => {
    const wrapped = new TypeError('fetch failed', {
      cause: new AggregateError([new Error('no'), new Error('deeper', { cause: mismatch })]),
    });
    expect(findPinError(wrapped)).to.equal(mismatch);
    expect(findPinError({ cause: { cause: mismatch } })).to.equal(mismatch);
    expect(pinErrorCode(wrapped)).to.equal('ERR_PIN_MISMATCH');
  });

  it('finds the error of another copy of the package', () => {
    const foreign = foreignPinError('ERR_PIN_REVOKED');
    expect(PinError.isPinError(foreign)).to.equal(true);
    expect(findPinError(new Error('x', { cause: foreign }))).to.equal(foreign);
  });

  for (const value of [
    undefined,
    null,
    7,
    'ERR_PIN_MISMATCH',
    [],
    {},
    new Error('x'),
    { cause: 'text', errors: {} },
  ]) {
    it(`finds nothing in ${inspect(value)}`, () => {
      expect(findPinError(value)).to.equal(undefined);
      expect(pinErrorCode(value)).to.equal(undefined);
    });
  }

  it('ends in a cycle, however wide', function () {
    this.timeout(1_000);
    const error = new AggregateError([]);
    error.cause = error;
    error.errors.push(...Array.from({ length: 300 }, () => error));
    expect(findPinError(error)).to.equal(undefined);
    error.errors.unshift(mismatch);
    expect(findPinError(error)).to.equal(mismatch);
  });

  it('gives up on errors that breed', function () {
    this.timeout(1_000);
    const breeding = (): object => ({
      get errors(): object[] {
        return Array.from({ length: 16 }, breeding);
      },
    });
    expect(findPinError(breeding())).to.equal(undefined);
  });

  it('survives getters and proxies that throw, and looks on behind them', () => {
    const bad = (name: string, rest: object = {}): object =>
      Object.defineProperty({ ...rest }, name, {
        get(): never {
          throw new Error('getter');
        },
      });
    const revoked = Proxy.revocable([], {});
    revoked.revoke();
    const hostile = new Proxy(
      {},
      {
        get(): never {
          throw new Error('trap');
        },
      },
    );
    for (const value of [bad('cause'), bad('errors'), bad('code'), bad('message'), hostile, revoked.proxy]) {
      expect(findPinError(value)).to.equal(undefined);
      expect(pinErrorCode(value)).to.equal(undefined);
    }
    expect(PinError.isPinError(hostile)).to.equal(false);
    expect(findPinError({ errors: revoked.proxy, cause: mismatch })).to.equal(mismatch);
    expect(findPinError(bad('cause', { errors: [mismatch] }))).to.equal(mismatch);
    expect(pinErrorCode(bad('code', { message: 'ERR_PIN_EXPIRED: x' }))).to.equal('ERR_PIN_EXPIRED');
  });
});

describe('pinErrorCode', () => {
  it('takes no other code for one of ours', () => {
    for (const message of [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'ERR_PIN_UNHEARD_OF',
      'XERR_PIN_MISMATCH',
      'ERR_PIN_MISMATCHED',
    ]) {
      expect(pinErrorCode(new Error(message)), message).to.equal(undefined);
    }
  });

  it('finds ours behind another code in the same text', () => {
    expect(pinErrorCode(new Error('ERR_INVALID_URL while handling ERR_PIN_MISMATCH: a.test'))).to.equal(
      'ERR_PIN_MISMATCH',
    );
  });

  it('finds a text in a cause', () => {
    const grpc = Object.assign(new Error('14 UNAVAILABLE: ERR_PIN_REVOKED: a.test'), { code: 14 });
    expect(pinErrorCode(new Error('request failed', { cause: grpc }))).to.equal('ERR_PIN_REVOKED');
  });
});
