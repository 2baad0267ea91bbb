import { invalidOption, PinResolver, type ResolverOptions } from '@pinvault/core';
import { type Environment, resolverOptionsOf } from './environment.js';
import { chooseFallback, type FallbackChoice } from './fallback.js';
import { chooseLastKnownGood, type LastKnownGoodChoice } from './last-known-good.js';
import { chooseProvider, type ProviderChoice } from './providers.js';

/** Options of {@link createPinResolver}. Code beats environment. */
export interface CreatePinResolverOptions
  extends Omit<ResolverOptions, 'fallback' | 'lastKnownGood'>, ProviderChoice {
  /**
   * The document while the provider cannot be reached at the start; never `fresh`, and never for a missing secret, a
   * malformed document or a wrong configuration.
   * @defaultValue `'env'` where `PINVAULT_FALLBACK_PINS`, `…_B64` or `…_FILE` is set, otherwise `'none'`
   */
  readonly fallback?: FallbackChoice | undefined;
  /**
   * Keeps a copy of the last good document on disk, for a start while the provider cannot be reached.
   * **Security:** with a key (32 bytes at least, best from `PINVAULT_LAST_KNOWN_GOOD_KEY`) a forged copy is found.
   * @defaultValue the directory in `PINVAULT_LAST_KNOWN_GOOD`, where set
   */
  readonly lastKnownGood?: LastKnownGoodChoice | undefined;
}

const knownOptions: Record<keyof CreatePinResolverOptions, true> = {
  provider: true,
  vault: true,
  aws: true,
  azure: true,
  file: true,
  env: true,
  fallback: true,
  lastKnownGood: true,
  name: true,
  mode: true,
  uncoveredHosts: true,
  requiredHosts: true,
  refreshIntervalMs: true,
  maxStaleMs: true,
  onExpired: true,
  startupTimeoutMs: true,
  failedStartDelayMs: true,
  readTimeoutMs: true,
  maxDocumentBytes: true,
  maxHosts: true,
  warnings: true,
  onEvent: true,
  clock: true,
  random: true,
};

/**
 * Makes a resolver whose pins come from a store, and resolves when the first good ones are in place. Without options
 * everything comes from the environment.
 *
 * Rejects within `startupTimeoutMs` (8 s) otherwise. While it starts it keeps the process alive, afterwards it never
 * does. **Security:** there is no way to start without pins: an error, of whatever kind, never means "not pinned".
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) for an option or a variable that is wrong or missing
 * @throws PinProviderError, PinDocumentError where there is no first document: `error.code` says why
 * @example
 * const pins = await createPinResolver({ provider: 'vault', vault: { path: 'secret/tls-pins' } });
 * const agent = new PinnedAgent(pins);
 */
export async function createPinResolver(
  options: CreatePinResolverOptions = {},
  environment: Environment = process.env,
): Promise<PinResolver> {
  if (typeof options !== 'object' || options === null)
    throw invalidOption('options', "are no object, such as { provider: 'vault' }");
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(knownOptions, name))
      throw invalidOption(name, `is unknown; known are ${Object.keys(knownOptions).join(', ')}`);
  }
  const {
    provider: providerChoice,
    vault,
    aws,
    azure,
    file,
    env,
    fallback: fallbackChoice,
    lastKnownGood: copyChoice,
    ...given
  } = options;
  const lastKnownGood = chooseLastKnownGood(copyChoice, environment);
  const resolverOptions: ResolverOptions = {
    ...resolverOptionsOf(environment),
    ...withoutUndefined(given),
  };
  const fallback = await chooseFallback(fallbackChoice, environment, resolverOptions);
  const provider = await chooseProvider(
    { provider: providerChoice, vault, aws, azure, file, env },
    environment,
    given,
  );
  // A document of the machine's own costs nobody anything, and is being mended by who reads the error.
  const isLocal = provider instanceof Object && ['env', 'file'].includes(provider.name);
  const failedStartDelayMs = resolverOptions.failedStartDelayMs ?? (isLocal ? 0 : 2_000);
  return PinResolver.create(provider, { ...resolverOptions, failedStartDelayMs, fallback, lastKnownGood });
}

/** An option that is passed as `undefined` was not given: it must not hide what the environment says. */
function withoutUndefined(options: ResolverOptions): ResolverOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
