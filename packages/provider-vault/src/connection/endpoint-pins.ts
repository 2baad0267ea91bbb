import { decodeDocument, invalidOption, type PinDocument, PinError } from '@pinvault/core';
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
  const list = typeof pins === 'string' ? [pins] : Array.from<string>(pins ?? []);
  const [row] = decodePins(list);
  if (row?.rule !== 'pins') throw invalidOption('vault.pins', 'hold no pin');
  if (row.mode === 'report') throw invalidOption('vault.pins', 'are always enforced: leave mode=report out');
  return list;
}

function decodePins(list: readonly string[]): PinDocument['rows'] {
  try {
    return decodeDocument({ '*': list }).rows;
  } catch (error) {
    if (!PinError.isPinError(error)) throw error;
    throw invalidOption('vault.pins', `cannot be read: ${error.message}`);
  }
}
