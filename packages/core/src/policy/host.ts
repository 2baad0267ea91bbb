import { isIP, isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { codePointHex, printable } from '../internal/text.js';

/** A host for people: what stands before an `@` may be a password. */
export function withoutUser(text: string): string {
  return text.replace(/^.*@/su, '…@');
}

/** Thrown for a text that is no host name; `problem` is one clause for people. */
export class HostSyntaxError extends Error {
  override readonly name = 'HostSyntaxError';
  readonly problem: string;

  constructor(host: string, problem: string) {
    super(`host "${printable(withoutUser(host), 80)}": ${problem}`);
    this.problem = problem;
  }
}

// RFC 1035 §2.3.4, as text: without the dot of the root.
const maxLength = 253;
const asciiHost = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/u;

/**
 * The one form in which hosts are compared: lower case, A-labels, no trailing dot; IP literals canonical, without
 * brackets. Every host that enters pinvault comes through here once.
 *
 * Node hands its check whatever the caller wrote, and its own name check accepts more spellings than a map look-up
 * would find; a spelling that this function cannot read is an error, never an uncovered host.
 *
 * @throws HostSyntaxError
 */
export function normaliseHost(host: string): string {
  // The usual case first: this runs in every handshake.
  if (asciiHost.test(host) && host.length <= maxLength && !endsInNumber(host) && !host.includes('xn--'))
    return host;
  return normaliseUnusualHost(host);
}

function normaliseUnusualHost(host: string): string {
  if (host === '') throw new HostSyntaxError(host, 'empty');
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIPv4(host)) return host;
  if (isIPv6(bare)) return canonicalIPv6(host, bare);
  // Before IDNA, whose time grows with the square of a label's length.
  if (host.length > maxLength + 1) throw new HostSyntaxError(host, 'longer than 253 characters');
  refuseOddCharacters(host);
  const ascii = domainToASCII(host).toLowerCase();
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  // domainToASCII reads 127.1 and 0x7f.1 as addresses, and full-width digits too.
  if (isIP(name) !== 0 || endsInNumber(name) || endsInNumber(host))
    throw new HostSyntaxError(host, 'ends in a number, and is no IP address in canonical form');
  if (hasEmptyLabel(host)) throw new HostSyntaxError(host, 'empty label');
  if (name.length > maxLength) throw new HostSyntaxError(host, 'longer than 253 characters');
  if (!asciiHost.test(name)) throw new HostSyntaxError(host, 'not a host name');
  return name;
}

/** One dot at the end is allowed: the root of the DNS. */
function hasEmptyLabel(host: string): boolean {
  const labels = host.split(/[.\u3002\uff0e\uff61]/u);
  return labels.some((label, index) => label === '' && (index < labels.length - 1 || index === 0));
}

function endsInNumber(name: string): boolean {
  return /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/u.test(name);
}

function canonicalIPv6(host: string, address: string): string {
  if (address.includes('%')) throw new HostSyntaxError(host, 'an IPv6 address with a zone');
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** domainToASCII silently drops format characters and decodes percent signs: both are refused before it sees them. */
function refuseOddCharacters(host: string): void {
  const odd = /[^\p{L}\p{M}\p{N}._\-\u3002\uff0e\uff61]/u.exec(host)?.[0];
  if (odd === undefined) return;
  const name = odd === ' ' ? 'a space, U+0020,' : `character U+${codePointHex(odd)}`;
  throw new HostSyntaxError(host, `${name} in a host name`);
}

/** A host with the port that is dialled, where it is known. */
export interface Target {
  readonly host: string;
  readonly port?: number | undefined;
}

/**
 * Reads `host`, `host:port`, `[v6]:port` or a bare IPv6 literal and normalises the host.
 *
 * @throws HostSyntaxError
 */
export function parseTarget(text: string): Target {
  if (isIPv6(text)) return { host: normaliseHost(text) };
  const { host, port } = splitPort(text);
  return port === undefined ? { host: normaliseHost(host) } : { host: normaliseHost(host), port };
}

/** Splits `:port` off; only a bracketed IPv6 literal can have one. @throws HostSyntaxError */
export function splitPort(text: string): { host: string; port?: number } {
  const colon = text.lastIndexOf(':');
  if (colon === -1 || text.endsWith(']')) return { host: text };
  const host = text.slice(0, colon);
  const digits = text.slice(colon + 1);
  if (host.includes(':') && !host.startsWith('[')) return { host: text };
  const port = /^[1-9][0-9]{0,4}$/u.test(digits) ? Number(digits) : Number.NaN;
  if (!(port <= 65_535)) throw new HostSyntaxError(text, 'the port is not 1 to 65535');
  return { host, port };
}
