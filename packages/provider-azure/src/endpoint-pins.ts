import { invalidOption } from '@pinvault/core';
import { readEndpointPins } from '@pinvault/node';
import { member } from './foreign.js';

/** What pins of the vault's own certificate have to get along with. */
interface Surroundings {
  readonly vault: URL | undefined;
  readonly client: object | undefined;
  readonly clientOptions: object;
  readonly skipVerify: boolean;
}

/**
 * Pins for the vault's own certificate: a wrong one is told when it is passed, not at the first handshake, and so is
 * whatever would keep them from being checked.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`)
 */
export function readPins(
  pins: string | readonly string[] | undefined,
  { vault, client, clientOptions, skipVerify }: Surroundings,
): readonly string[] | undefined {
  if (pins === undefined) return undefined;
  if (client !== undefined)
    throw invalidOption('azure.pins', 'and azure.client exclude each other: its connections are its own');
  if (vault?.protocol !== 'https:') throw invalidOption('azure.pins', 'need an address with https');
  for (const name of ['httpClient', 'agent', 'proxyOptions']) {
    if (member(clientOptions, name) !== undefined)
      throw invalidOption('azure.pins', `and azure.clientOptions.${name} exclude each other`);
  }
  if (skipVerify)
    throw invalidOption('azure.pins', 'and a switched-off check of the certificate exclude each other');
  return readEndpointPins('azure.pins', pins);
}
