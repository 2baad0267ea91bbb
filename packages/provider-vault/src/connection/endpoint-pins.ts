import { invalidOption } from '@pinvault/core';
import { readEndpointPins as readPins } from '@pinvault/node';
import type { Variable } from '../environment.js';
import type { VaultNode } from './address.js';

/** Pins of the vault itself. A wrong one is told when it is passed, not at the first handshake. @throws TypeError */
export function readEndpointPins(
  pins: string | readonly string[] | undefined,
  nodes: readonly VaultNode[],
  skipVerify: Variable | undefined,
): readonly string[] | undefined {
  if (pins === undefined) return undefined;
  if (nodes.some(({ url }) => url.protocol !== 'https:'))
    throw invalidOption('vault.pins', 'need an address with https');
  if (skipVerify !== undefined)
    throw invalidOption('vault.pins', `and ${skipVerify.name} exclude each other`);
  return readPins('vault.pins', pins);
}
