import { isIP } from 'node:net';

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

/** Whether a host is this machine and nothing else. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/u, '$1');
  // Not *.localhost: some resolvers ask the network for it.
  if (host === '::1' || host === 'localhost') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
