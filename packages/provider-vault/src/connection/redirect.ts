import { refusedRedirect } from '../failures.js';
import { foreignText } from '../foreign-text.js';
import type { VaultNode } from './address.js';
import type { ConnectionSettings } from './options.js';

/** Where a redirect comes from, and what must not be told of it. */
export interface RedirectOrigin {
  readonly node: VaultNode;
  readonly url: URL;
  readonly secrets: readonly string[];
}

/**
 * The node to which a redirect leads: the same one, another one of the vault, or one that the options allow. @throws
 * PinProviderError (`redirect`) for any other, since the token would go along
 */
export function followRedirect(
  location: string,
  { node, url, secrets }: RedirectOrigin,
  { nodes, redirectNodes, followRedirects }: ConnectionSettings,
): { readonly node: VaultNode; readonly url: URL } {
  const target = new URL(location, url);
  const to = foreignText(`${target.protocol}//${target.host}`, secrets, 120);
  if (!followRedirects)
    throw refusedRedirect(node, `to ${to}, and redirects are not followed (VAULT_DISABLE_REDIRECTS)`);
  if (target.origin === url.origin) return { node, url: target };
  const known = [...nodes, ...redirectNodes].find(
    (each) => each.socketPath === undefined && each.url.origin === target.origin,
  );
  // Nodes are all https or all http, so that no redirect steps down.
  if (known !== undefined) return { node: known, url: target };
  throw refusedRedirect(
    node,
    `to ${to}, where the token does not go; name that server in VAULT_ADDR, vault.addresses or vault.redirectAddresses if it is yours`,
  );
}
