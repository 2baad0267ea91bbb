type AnyMethod = (...parameters: unknown[]) => unknown;

/**
 * Puts a function in front of a method of this one object, until it is taken back. What the caller gets is Node's or the
 * caller's own method all the same: somebody who wraps it meanwhile wraps a pass-through from then on.
 *
 * @returns the way to take it back
 */
export function intercept(
  target: object,
  name: string,
  around: (original: AnyMethod) => AnyMethod,
): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name);
  const method = Reflect.get(target, name) as AnyMethod;
  const original: AnyMethod = (...parameters) => Reflect.apply(method, target, parameters);
  const inFront = around(original);
  let isInForce = true;
  const value: AnyMethod = (...parameters) => (isInForce ? inFront : original)(...parameters);
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
  return () => {
    isInForce = false;
    if (Reflect.get(target, name) !== value) return;
    if (before === undefined) Reflect.deleteProperty(target, name);
    else Object.defineProperty(target, name, before);
  };
}
