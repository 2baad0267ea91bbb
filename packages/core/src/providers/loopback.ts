import { isIP } from 'node:net';

/** Whether a host, as a URL holds it, is this machine and nothing else. For authors of providers. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/u, '$1');
  // Not *.localhost: some resolvers ask the network for it.
  if (host === '::1' || host === 'localhost') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
