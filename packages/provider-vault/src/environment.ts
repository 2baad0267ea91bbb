import { PinProviderError } from '@pinvault/core';

/** Variables as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that is set, with the name under which it was found. */
export interface Variable {
  readonly name: string;
  readonly value: string;
}

/** `BAO_<name>`, else `VAULT_<name>`. An empty or blank variable counts as unset. */
export function readVariable(env: Environment, name: string): Variable | undefined {
  for (const prefix of ['BAO_', 'VAULT_']) {
    const value = env[`${prefix}${name}`]?.trim() ?? '';
    if (value !== '') return { name: `${prefix}${name}`, value };
  }
  return undefined;
}

const trueWords = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const falseWords = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** As Go's `strconv.ParseBool`, and so as the command lines of Vault and OpenBao. @throws PinProviderError */
export function booleanOf({ name, value }: Variable): boolean {
  if (trueWords.has(value)) return true;
  if (falseWords.has(value)) return false;
  throw misconfigured(`${name} is neither true nor false`);
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** `60s`, `1m30s`, `1d`, or a bare number of seconds; in milliseconds. @throws PinProviderError */
export function durationMsOf({ name, value }: Variable): number {
  const days = /^(\d+)d$/u.exec(value)?.[1];
  const text = days === undefined ? value.replace(/^\d+$/u, '$&s') : `${Number(days) * 24}h`;
  let total = 0;
  if (/^(?:\d+(?:\.\d+)?(?:[nuµm]?s|m|h))+$/u.test(text)) {
    for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)([nuµm]?s|m|h)/gu)) {
      total += Number(amount) * (unitMs[unit] ?? NaN);
    }
  }
  if (total > 0) return total;
  throw misconfigured(`${name} is no duration above zero, such as 60s`);
}

/** A whole number, as Go's `strconv.ParseUint` with 32 bits. @throws PinProviderError */
export function countOf({ name, value }: Variable): number {
  if (/^\d+$/u.test(value) && Number(value) < 2 ** 32) return Number(value);
  throw misconfigured(`${name} is no whole number, such as 2`);
}

/** What a person has to mend in the environment of the service. */
export function misconfigured(problem: string): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_MISCONFIGURED', problem, { provider: 'vault' });
}
