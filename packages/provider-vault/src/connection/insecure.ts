import { isLoopback } from '@pinvault/core';
import { misconfigured, type Variable } from '../environment.js';
import { isLocal, isLookedUp, type VaultNode } from './address.js';
import type { VaultProxy } from './proxy.js';

/** What makes a road to the vault weak or strong. */
export interface Road {
  readonly proxy: VaultProxy | undefined;
  readonly skipVerify: Variable | undefined;
  readonly srvLookup: boolean;
  readonly isAllowed: boolean;
}

/** Refuses a road on which others could hand over pins of their own. @throws PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) */
export function refuseInsecure(
  nodes: readonly VaultNode[],
  { proxy, skipVerify, srvLookup, isAllowed }: Road,
): void {
  if (isAllowed) return;
  // To a proxy elsewhere even a vault on loopback is a place on the network.
  const isNear = proxy === undefined || isLoopback(proxy.url.hostname);
  const advice =
    'who sits between could hand the service pins of their own; for a test set-up pass vault: { allowInsecureStore: true }';
  for (const node of nodes) {
    // A name of this machine that is looked up is wherever DNS says.
    if (isNear && isLocal(node) && !isLookedUp(node, srvLookup)) continue;
    if (node.url.protocol === 'http:')
      throw misconfigured(`the vault at ${node.host} is reached by plain http: ${advice}`);
    if (skipVerify !== undefined)
      throw misconfigured(`${skipVerify.name} switches off the check of the vault's certificate: ${advice}`);
  }
}
