import { expect } from 'chai';
import { PinDocumentError, type PinErrorCode, PinProviderError } from '@pinvault/core';

/** What a promise is rejected with; fails where it is not. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).to.be.an.instanceof(Error);
  return thrown as Error;
}

/** A start that ends with this error of the provider. */
export async function providerError(
  promise: Promise<unknown>,
  code: PinErrorCode,
): Promise<PinProviderError> {
  const error = await failureOf(promise);
  expect(error).to.be.an.instanceof(PinProviderError);
  expect((error as PinProviderError).code).to.equal(code);
  return error as PinProviderError;
}

/** A start that ends with a refused document. */
export async function documentError(
  promise: Promise<unknown>,
  code: PinErrorCode,
): Promise<PinDocumentError> {
  const error = await failureOf(promise);
  expect(error).to.be.an.instanceof(PinDocumentError);
  expect((error as PinDocumentError).code).to.equal(code);
  return error as PinDocumentError;
}

/** A caller's own mistake: a TypeError with its code that names options or variables. */
export async function expectInvalidOption(
  promise: Promise<unknown>,
  ...named: readonly string[]
): Promise<Error> {
  const error = await failureOf(promise);
  expect(error).to.be.an.instanceof(TypeError);
  expect(error).to.have.property('code', 'ERR_INVALID_OPTION');
  for (const name of named) expect(error.message).to.contain(name);
  return error;
}
