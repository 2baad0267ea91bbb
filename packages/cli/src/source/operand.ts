import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { HostSyntaxError, normaliseHost, parseTarget } from 'pinvault';
import { UsageError } from '../command-error.js';
import { printable } from '../text.js';

/** What to take the pin from. */
export type Operand =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'host'; readonly host: string; readonly port: number };

/** @throws UsageError */
export function readOperand(text: string): Operand {
  if (/^[a-z][a-z0-9+.-]*:\/\//iu.test(text)) return fromUrl(text);
  if (exists(text) || /[/\\]|\.(?:pem|crt|cer|der|key)$/iu.test(text)) return { kind: 'file', path: text };
  return host(text);
}

function fromUrl(text: string): Operand {
  // Printed without what may stand before an @: it can be a password.
  const scheme = /^[a-z0-9+.-]*/iu.exec(text)?.[0].toLowerCase() ?? '';
  if (scheme !== 'https' && scheme !== 'wss') {
    throw new UsageError(`a URL with ${printable(scheme, 20)}:// leads to no certificate`, {
      hint: 'write https://, or host:port alone',
    });
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError('the URL cannot be read', { hint: 'host:port alone will do' });
  }
  return host(`${url.hostname}:${url.port === '' ? 443 : url.port}`);
}

function host(text: string): Operand {
  try {
    const { host: name, port = 443 } = parseTarget(text);
    return { kind: 'host', host: name, port };
  } catch (error) {
    if (!(error instanceof HostSyntaxError)) throw error;
    throw new UsageError(`"${printable(text, 80)}" is no file, and no host: ${error.problem}`);
  }
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Not to be looked at, or no path at all. What it looks like decides.
    return false;
  }
}

/** The name that `--servername` gives. @throws UsageError */
export function readServerName(text: string): string {
  try {
    const name = normaliseHost(text);
    if (isIP(name) === 0) return name;
  } catch (error) {
    if (!(error instanceof HostSyntaxError)) throw error;
    throw new UsageError(`--servername "${printable(text, 80)}": ${error.problem}`);
  }
  throw new UsageError('--servername takes a DNS name, not an address');
}
