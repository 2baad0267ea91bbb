import {
  createEnvProvider,
  createFileProvider,
  invalidOption,
  PinError,
  type PinDocument,
  type PinProvider,
  PinResolver,
} from '@pinvault/core';
import { documentVariables, type Environment, valueOf } from './environment.js';
import { twoDocuments } from './providers.js';

/** What serves while the provider cannot be reached. */
export type FallbackChoice = 'env' | 'none' | PinProvider;

const variable = 'PINVAULT_FALLBACK_PINS';

/** What of the resolver's options concerns the fallback. */
export interface FallbackLimits {
  readonly maxDocumentBytes?: number | undefined;
  readonly requiredHosts?: readonly string[] | undefined;
  readonly warnings?: boolean | undefined;
}

/**
 * Makes the fallback that code or environment ask for. One from the environment is read here and now: a slip in it has
 * to show when it is deployed, not in the outage that it is for.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) that names the option or the variable
 */
export async function chooseFallback(
  choice: FallbackChoice | undefined,
  env: Environment,
  limits: FallbackLimits,
): Promise<PinProvider | undefined> {
  if (typeof choice === 'object' && typeof choice?.read === 'function') return choice;
  if (choice !== undefined && choice !== 'env' && choice !== 'none') {
    throw invalidOption('fallback', 'is none of "env", "none", nor a provider of your own');
  }
  const [first, second] = documentVariables(env, variable);
  if (choice === 'none' || (choice === undefined && first === undefined)) return undefined;
  if (first === undefined)
    throw invalidOption(
      'fallback',
      `is "env", but neither ${variable} nor ${variable}_B64 nor ${variable}_FILE is set`,
    );
  if (second !== undefined) throw twoDocuments(first, second);
  const path = valueOf(env, `${variable}_FILE`);
  const fallback =
    path === undefined
      ? createEnvProvider({ variable, env })
      : createFileProvider({ path, maxBytes: limits.maxDocumentBytes });
  await assertUsable(fallback, first, limits);
  return fallback;
}

/** Starts a resolver on it, as the outage would: what that refuses is refused now. */
async function assertUsable(
  fallback: PinProvider,
  name: string,
  { maxDocumentBytes, requiredHosts, warnings }: FallbackLimits,
): Promise<void> {
  let badRows: PinDocument['badRows'];
  try {
    const limits = { maxDocumentBytes, requiredHosts, startupTimeoutMs: 1_000 };
    const resolver = await PinResolver.create(fallback, { ...limits, warnings: false });
    ({ badRows } = resolver.snapshot.document);
    await resolver.close();
  } catch (error) {
    if (!PinError.isPinError(error)) throw error;
    throw invalidOption(name, `holds no usable document: ${error.message}`, { cause: error });
  }
  if (warnings === false) return;
  for (const { code, message } of badRows)
    process.emitWarning(`${name}: ${message}`, { type: 'PinvaultWarning', code });
}
