import { invalidOption, type LastKnownGoodOptions } from '@pinvault/core';
import { type Environment, valueOf } from './environment.js';

/** What code says of the copy on disk; the rest comes from the environment. */
export type LastKnownGoodChoice = Partial<LastKnownGoodOptions>;

const directoryVariable = 'PINVAULT_LAST_KNOWN_GOOD';
const keyVariable = 'PINVAULT_LAST_KNOWN_GOOD_KEY';

/**
 * Where the last known good pins are kept, by code or environment; nowhere, unless one of them names a directory.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) that names the option or the variable
 */
export function chooseLastKnownGood(
  choice: LastKnownGoodChoice | undefined,
  env: Environment,
): LastKnownGoodOptions | undefined {
  if (choice !== undefined && (typeof choice !== 'object' || choice === null))
    throw invalidOption('lastKnownGood', "is no object, such as { directory: '/var/lib/my-service' }");
  const directory = choice?.directory ?? valueOf(env, directoryVariable);
  const variableKey = valueOf(env, keyVariable);
  if (directory === undefined) {
    if (choice !== undefined)
      throw invalidOption('lastKnownGood.directory', `is missing: pass it, or set ${directoryVariable}`);
    if (variableKey !== undefined)
      throw invalidOption(keyVariable, `is set, but no directory is: set ${directoryVariable}, too`);
    return undefined;
  }
  if (choice?.key === undefined && variableKey !== undefined && Buffer.byteLength(variableKey) < 32)
    throw invalidOption(keyVariable, 'has fewer than 32 bytes: openssl rand -base64 32');
  return { ...choice, directory, key: choice?.key ?? variableKey };
}
