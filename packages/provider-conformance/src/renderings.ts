import { fail } from 'node:assert/strict';
import { inspect } from 'node:util';

const longest = 2_000_000;

/** Everything that a log could make of a value: its text, its JSON, all that hangs on it, and what caused it. */
function renderings(value: unknown): string[] {
  const options = {
    depth: Infinity,
    showHidden: true,
    getters: true,
    maxStringLength: null,
    maxArrayLength: null,
  };
  const texts = [inspect(value, options), jsonOf(value), textOf(value)];
  const seen = new Set<unknown>();
  for (let error = value; error instanceof Error && !seen.has(error); error = error.cause) {
    seen.add(error);
    texts.push(error.message, error.stack ?? '', jsonOf(Object.getOwnPropertyDescriptors(error)));
  }
  return texts.map((text) => text.slice(0, longest));
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '';
  }
}

/** That a secret is in nothing that a log could make of a value, neither as it is nor encoded. */
export function expectNoSecret(value: unknown, secrets: readonly string[], what: string): void {
  for (const text of renderings(value)) {
    for (const secret of secrets) {
      if (formsOf(secret).some((form) => text.toLowerCase().includes(form.toLowerCase())))
        // The secret itself is not repeated: this text goes into a log, too.
        fail(`${what} holds a secret of ${String(secret.length)} characters`);
    }
  }
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // Three alignments of base64 (a header may put "user:" in front); the cut characters depend on neighbours.
  const aligned = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/u, '')
      .slice(4, -2),
  );
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), ...aligned].filter(
    (form) => form.length >= 8,
  );
}
