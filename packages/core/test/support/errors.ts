import { expect } from 'chai';
import type { PinError } from '#src/errors.js';

type ErrorClass<Thrown extends PinError> = new (...parameters: never[]) => Thrown;

/** Runs something that has to throw, and returns what it threw once class and code are right. */
export function thrownBy<Thrown extends PinError>(
  run: () => unknown,
  type: ErrorClass<Thrown>,
  code: Thrown['code'],
): Thrown {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  return checked(thrown, type, code);
}

/** The same for a promise that has to be rejected. */
export async function rejectionOf<Thrown extends PinError>(
  promise: Promise<unknown>,
  type: ErrorClass<Thrown>,
  code: Thrown['code'],
): Promise<Thrown> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  return checked(thrown, type, code);
}

/** A value that has to be an error of this class with this code. */
export function checked<Thrown extends PinError>(
  value: unknown,
  type: ErrorClass<Thrown>,
  code: Thrown['code'],
): Thrown {
  expect(value).to.be.an.instanceof(type);
  expect((value as Thrown).code).to.equal(code);
  return value as Thrown;
}

/** A caller's own mistake: a TypeError with its code, thrown where the option is passed. */
export function expectInvalidOption(thrown: unknown, option: string): void {
  expect(thrown).to.be.an.instanceof(TypeError);
  expect(thrown).to.have.property('code', 'ERR_INVALID_OPTION');
  expect((thrown as TypeError).message).to.contain(option);
}
