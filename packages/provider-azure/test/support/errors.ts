import { expect } from 'chai';
import { PinDocumentError, type PinErrorCode, PinProviderError } from '@pinvault/core';

/** What a call throws, or a promise is rejected with; fails where neither happens. */
export async function failureOf(run: () => unknown): Promise<Error> {
  try {
    await run();
  } catch (error) {
    expect(error).to.be.an.instanceof(Error);
    return error as Error;
  }
  return expect.fail('nothing was thrown');
}

/** The error of a read that brought no document, once class and code are right. */
export async function providerError(run: () => unknown, code: PinErrorCode): Promise<PinProviderError> {
  const error = await failureOf(run);
  expect(error).to.be.an.instanceof(PinProviderError);
  expect((error as PinProviderError).code).to.equal(code);
  return error as PinProviderError;
}

/** The error of an answer that holds no document of pins. */
export async function documentError(run: () => unknown, code: PinErrorCode): Promise<PinDocumentError> {
  const error = await failureOf(run);
  expect(error).to.be.an.instanceof(PinDocumentError);
  expect((error as PinDocumentError).code).to.equal(code);
  return error as PinDocumentError;
}

/** A caller's own mistake: a TypeError with its code that names the option. */
export async function expectInvalidOption(run: () => unknown, option: string): Promise<Error> {
  const error = await failureOf(run);
  expect(error).to.be.an.instanceof(TypeError);
  expect(error).to.have.property('code', 'ERR_INVALID_OPTION');
  expect(error.message).to.contain(option);
  return error;
}

/** A wrong or missing variable, which is named. */
export async function expectMisconfigured(
  run: () => unknown,
  ...named: readonly string[]
): Promise<PinProviderError> {
  const error = await providerError(run, 'ERR_PROVIDER_MISCONFIGURED');
  for (const name of named) expect(error.message).to.contain(name);
  return error;
}
