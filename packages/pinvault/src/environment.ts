import {
  type EnforcementMode,
  invalidOption,
  parseTarget,
  type ResolverOptions,
  type UncoveredHosts,
} from '@pinvault/core';

/** Variables as `process.env` holds them. An empty one counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; `undefined` where it is unset or empty. */
export function valueOf(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim() ?? '';
  return value === '' ? undefined : value;
}

/** The ways to hand over a document in the environment: which of them are set. */
export function documentVariables(env: Environment, name: string): string[] {
  return [name, `${name}_B64`, `${name}_FILE`].filter((each) => valueOf(env, each) !== undefined);
}

type EnvironmentOptions = Pick<
  ResolverOptions,
  'mode' | 'uncoveredHosts' | 'requiredHosts' | 'refreshIntervalMs' | 'maxStaleMs' | 'startupTimeoutMs'
>;

/** What the environment says of the resolver itself. @throws TypeError (`ERR_INVALID_OPTION`) that names the variable */
export function resolverOptionsOf(env: Environment): EnvironmentOptions {
  return {
    mode: oneOf<EnforcementMode>(env, 'PINVAULT_MODE', ['enforce', 'report']),
    uncoveredHosts: oneOf<UncoveredHosts>(env, 'PINVAULT_UNCOVERED_HOSTS', ['reject', 'report', 'allow']),
    requiredHosts: hostsOf(env, 'PINVAULT_REQUIRE'),
    refreshIntervalMs: durationMsOf(env, 'PINVAULT_REFRESH_INTERVAL', minRefreshIntervalMs),
    maxStaleMs: durationMsOf(env, 'PINVAULT_MAX_STALE'),
    startupTimeoutMs: durationMsOf(env, 'PINVAULT_STARTUP_TIMEOUT'),
  };
}

function oneOf<Value extends string>(
  env: Environment,
  name: string,
  allowed: readonly Value[],
): Value | undefined {
  const value = valueOf(env, name);
  if (value === undefined) return undefined;
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw invalidOption(name, `is none of ${allowed.join(', ')}`);
  return found;
}

function hostsOf(env: Environment, name: string): string[] | undefined {
  const value = valueOf(env, name);
  if (value === undefined) return undefined;
  const hosts = value.split(/[\s,]+/u).filter((host) => host !== '');
  if (hosts.length === 0) throw invalidOption(name, 'names no host');
  for (const host of hosts) {
    try {
      parseTarget(host);
    } catch (error) {
      throw invalidOption(name, `holds "${host}", which is no host`, { cause: error });
    }
  }
  return hosts;
}

// The core refuses less, too, but could not name the variable.
const minRefreshIntervalMs = 50;

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function durationMsOf(env: Environment, name: string, minMs = 1): number | undefined {
  const value = valueOf(env, name);
  if (value === undefined) return undefined;
  if (value === 'Infinity' && name === 'PINVAULT_MAX_STALE') return Infinity;
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/u.exec(value) ?? [];
  const milliseconds = Number(amount) * (unitMs[unit] ?? NaN);
  if (!Number.isFinite(milliseconds)) throw invalidOption(name, 'is no duration, such as 30s, 5m or 7d');
  if (milliseconds < minMs) throw invalidOption(name, `is below ${minMs} ms`);
  return milliseconds;
}
