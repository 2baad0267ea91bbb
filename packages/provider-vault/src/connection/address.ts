import { isLoopback } from '@pinvault/core';

/** Reads the address of a vault, or says what is wrong with it; the text never holds the address itself. */
export function parseAddress(text: string): URL | { readonly problem: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { problem: 'is no address, such as https://vault.example.com:8200' };
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return { problem: 'does not begin with https://' };
  if (url.username !== '' || url.password !== '')
    return { problem: 'holds a user name: the token goes into VAULT_TOKEN' };
  if (url.search !== '' || url.hash !== '') return { problem: 'holds a query: give the address alone' };
  if (/\/v1(?:\/|$)/u.test(url.pathname))
    return { problem: 'holds /v1: give the address alone, the secret goes into the path' };
  return url;
}

/** One server of the vault, or a listener in front of it. */
export interface VaultNode {
  /** Scheme, host and port of the requests, and the folder in front of the API. */
  readonly url: URL;
  /** How texts name it. */
  readonly host: string;
  /** A socket of this machine in place of host and port. */
  readonly socketPath?: string;
  /** Where it is dialled, where DNS says another place than `url`; its certificate has to be that of `url` all the same. */
  readonly dial?: { readonly host: string; readonly port: number };
}

/** As {@link parseAddress}, and `unix:///run/vault-agent.sock`. */
export function parseNode(text: string): VaultNode | { readonly problem: string } {
  if (typeof text === 'string' && text.startsWith('unix://')) {
    const socketPath = text.slice('unix://'.length);
    if (!socketPath.startsWith('/'))
      return { problem: 'names no socket, such as unix:///run/vault-agent.sock' };
    return { url: new URL('http://localhost/'), host: `unix:${socketPath}`, socketPath };
  }
  const url = parseAddress(text);
  return url instanceof URL ? { url, host: url.host } : url;
}

/** Whether DNS is asked where a node really is, as the command lines do: not where the address has a port. */
export function isLookedUp({ url, socketPath }: VaultNode, srvLookup: boolean): boolean {
  return srvLookup && url.port === '' && socketPath === undefined;
}

/** Whether requests to a node stay on this machine. */
export function isLocal({ url, socketPath }: VaultNode): boolean {
  return socketPath !== undefined || isLoopback(url.hostname);
}
