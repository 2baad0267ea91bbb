import { PinProviderError } from '@pinvault/core';

/** Variables as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; `undefined` where it is unset, empty or blank. */
export function readVariable(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim() ?? '';
  return value === '' ? undefined : value;
}

/** What a person has to mend in the environment of the service. */
export function misconfigured(problem: string, detail?: string): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_MISCONFIGURED', problem, { provider: 'azure', detail });
}
