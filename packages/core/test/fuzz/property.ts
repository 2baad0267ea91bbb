import * as fc from 'fast-check';

/** One property: checked a few times by the tests, and as often as `pnpm fuzz` is told to. */
export interface Property {
  /** What `pnpm fuzz --only` takes. */
  readonly name: string;
  /** What holds, as a sentence. */
  readonly fact: string;
  /** Runs in the normal tests. */
  readonly runs: number;
  check(parameters: fc.Parameters<unknown>): fc.RunDetails<unknown>;
}

/** Makes a property of an arbitrary and what has to hold for each of its values; `holds` throws where it does not. */
export function property<Value>(
  name: string,
  fact: string,
  runs: number,
  arbitrary: fc.Arbitrary<Value>,
  holds: (value: Value) => void,
): Property {
  const checked = fc.property(arbitrary, holds);
  return {
    name,
    fact,
    runs,
    check: (parameters) => fc.check(checked, parameters as fc.Parameters<[Value]>) as fc.RunDetails<unknown>,
  };
}

/** A failed check as text: the smallest value found, what was thrown, seed and path. */
export function report(details: fc.RunDetails<unknown>): string {
  const thrown = details.errorInstance instanceof Error ? `\n${details.errorInstance.stack ?? ''}` : '';
  return `${fc.defaultReportMessage(details) ?? 'it holds'}${thrown}`;
}

/** What another run of the same program would see: nothing may have touched the prototypes. */
export function prototypesAreUntouched(): boolean {
  return (
    prototypes.every(({ prototype, names }) => Reflect.ownKeys(prototype).length === names.length) &&
    !('polluted' in {})
  );
}

const prototypes = [
  Object.prototype,
  Array.prototype,
  Function.prototype,
  String.prototype,
  Map.prototype,
].map((prototype: object) => ({ prototype, names: Reflect.ownKeys(prototype) }));
