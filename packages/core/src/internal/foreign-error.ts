import { printable } from './text.js';

/**
 * Name and code of somebody else's error, safe to print: `TypeError ERR_BAD_REQUEST`. Nothing else of it is ever passed
 * on, since its message and properties may hold a request, and with it a token. Never throws.
 */
export function foreignErrorLabel(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const [name, code] = [text(error, 'name'), text(error, 'code')];
  return printable([name ?? 'Error', code].filter((part) => part !== undefined).join(' '), 80);
}

function text(error: Error, property: 'name' | 'code'): string | undefined {
  const value = readProperty(error, property);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A property of a foreign object: its getter may throw. */
export function readProperty(object: object, name: PropertyKey): unknown {
  try {
    return Reflect.get(object, name);
  } catch {
    return undefined;
  }
}
