import { isIP, isIPv6 } from 'node:net';
import { HostSyntaxError, normaliseHost, splitPort } from './host.js';

/** In the order of precedence: the first kind that fits governs. */
export type HostPatternKind = 'exact' | 'one-label' | 'any-depth' | 'catch-all';

/** A key of the document, read. */
export interface HostPattern {
  readonly kind: HostPatternKind;
  /** The normalised name behind the wildcard; empty for the catch-all. */
  readonly name: string;
  readonly port: number | undefined;
  /** The canonical text: `*.example.com:8443`. */
  readonly text: string;
}

const catchAll: HostPattern = Object.freeze({ kind: 'catch-all', name: '', port: undefined, text: '*' });

/**
 * Reads a host pattern: an exact host, `*.` (exactly one label), `**.` (none or more labels), or `*` alone; an optional
 * `:port` behind the first three. Never a regular expression, never a suffix of the text.
 *
 * @throws HostSyntaxError
 */
export function parseHostPattern(text: string): HostPattern {
  if (text === '*') return catchAll;
  const { host, port } = isIPv6(text) ? { host: text } : splitPort(text);
  if (host === '*') throw new HostSyntaxError(text, 'the catch-all * takes no port');
  const kind = host.startsWith('**.') ? 'any-depth' : host.startsWith('*.') ? 'one-label' : 'exact';
  const written = kind === 'any-depth' ? host.slice(3) : kind === 'one-label' ? host.slice(2) : host;
  if (written === '') throw new HostSyntaxError(text, 'nothing after the wildcard');
  if (written.includes('*')) {
    throw new HostSyntaxError(
      text,
      'a wildcard is the whole first label: *.name for one label, **.name for any number',
    );
  }
  const name = normaliseHost(written);
  if (isIP(name) !== 0) refuseUnusualAddress(text, kind, written, name);
  return Object.freeze({ kind, name, port, text: patternText(kind, name, port) });
}

function refuseUnusualAddress(text: string, kind: HostPatternKind, written: string, name: string): void {
  if (kind !== 'exact') throw new HostSyntaxError(text, 'an IP address takes no wildcard');
  const bare = written.replace(/^\[(.*)\]$/u, '$1').toLowerCase();
  if (bare !== name) throw new HostSyntaxError(text, `the canonical form of this address is ${name}`);
}

/** The canonical text of a pattern; `name` is normalised. */
export function patternText(kind: HostPatternKind, name: string, port: number | undefined): string {
  const wildcard = kind === 'any-depth' ? '**.' : kind === 'one-label' ? '*.' : '';
  if (port === undefined) return `${wildcard}${name}`;
  return name.includes(':') ? `[${name}]:${port}` : `${wildcard}${name}:${port}`;
}

/** What {@link HostPatternMap.find} answers. */
export type HostPatternMatch<Value> =
  | { readonly found: true; readonly value: Value }
  /** `needsPort`: a key fits, but it names a port and the port of the connection is not known. */
  | { readonly found: false; readonly needsPort: boolean };

/**
 * Values by host pattern; the most specific pattern governs: exact before `*.` before `**.` before `*`, then more
 * labels, then with port. A look-up costs a few map reads for each label of the host, whatever the number of patterns.
 */
export class HostPatternMap<Value> {
  readonly #byText = new Map<string, Value>();
  // Names that have a key with a port, by kind and name: what to look for where the port is not known.
  readonly #withPort = new Set<string>();

  /** `text` is canonical: that of a parsed pattern. */
  set(text: string, value: Value): void {
    this.#byText.set(text, value);
    if (!text.includes(':')) return;
    const { kind, name, port } = parseHostPattern(text);
    if (port !== undefined) this.#withPort.add(patternText(kind, name, undefined));
  }

  get(text: string): Value | undefined {
    return this.#byText.get(text);
  }

  get size(): number {
    return this.#byText.size;
  }

  /** `host` is normalised already. */
  find(host: string, port: number | undefined): HostPatternMatch<Value> {
    const exact = this.#at(host, port);
    if (exact !== undefined) return { found: true, value: exact };
    let needsPort = port === undefined && this.#withPort.has(host);
    if (isIP(host) === 0) {
      const dot = host.indexOf('.');
      if (dot !== -1) {
        const parent = `*${host.slice(dot)}`;
        const value = this.#at(parent, port);
        if (value !== undefined) return { found: true, value };
        needsPort ||= port === undefined && this.#withPort.has(parent);
      }
      for (let start = 0; ;) {
        const suffix = `**.${host.slice(start)}`;
        const value = this.#at(suffix, port);
        if (value !== undefined) return { found: true, value };
        needsPort ||= port === undefined && this.#withPort.has(suffix);
        const next = host.indexOf('.', start);
        if (next === -1) break;
        start = next + 1;
      }
    }
    // The catch-all is for hosts that nothing else covers; here something may, on a port that nobody told us.
    if (needsPort) return { found: false, needsPort };
    const rest = this.#byText.get('*');
    return rest === undefined ? { found: false, needsPort } : { found: true, value: rest };
  }

  #at(text: string, port: number | undefined): Value | undefined {
    if (port !== undefined && this.#withPort.has(text)) {
      const value = this.#byText.get(isIPv6(text) ? `[${text}]:${port}` : `${text}:${port}`);
      if (value !== undefined) return value;
    }
    return this.#byText.get(text);
  }
}
