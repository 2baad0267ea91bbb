import {
  createStaticProvider,
  decodeDocument,
  invalidOption,
  type PinDocument,
  PinError,
  PinResolver,
} from '@pinvault/core';

/**
 * Reads the pins that an option of a provider holds for the store's own endpoint, written as in a row of the document. A
 * wrong one is told when it is passed, not at the first handshake.
 *
 * @param option - its name in errors, such as `vault.pins`
 * @throws TypeError (`ERR_INVALID_OPTION`), also for `none`, `block` and `mode=report`: they are always enforced
 */
export function readEndpointPins(option: string, pins: string | readonly string[]): readonly string[] {
  const list = typeof pins === 'string' ? [pins] : Array.from<string>(pins ?? []);
  const [row] = decodeRow(option, list);
  if (row?.rule !== 'pins') throw invalidOption(option, 'hold no pin');
  if (row.mode === 'report') throw invalidOption(option, 'are always enforced: leave mode=report out');
  return list;
}

function decodeRow(option: string, list: readonly string[]): PinDocument['rows'] {
  try {
    return decodeDocument({ '*': list }).rows;
  } catch (error) {
    if (!PinError.isPinError(error)) throw error;
    throw invalidOption(option, `cannot be read: ${error.message}`);
  }
}

/**
 * A resolver for an agent that meets nothing but the store: its pins hold for whatever name the endpoint goes by, and
 * never change. To be closed with the provider.
 */
export async function createEndpointResolver(option: string, pins: readonly string[]): Promise<PinResolver> {
  return PinResolver.create(createStaticProvider({ '*': [...pins] }, option), {
    maxStaleMs: Infinity,
    refreshIntervalMs: 86_400_000,
    warnings: false,
  });
}
