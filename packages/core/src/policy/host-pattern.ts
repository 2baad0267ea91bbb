import { isIP, isIPv4, isIPv6 } from 'node:net';
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
  const { kind, written, port } = splitPattern(text);
  if (kind === 'exact' && written === '*') throw new HostSyntaxError(text, 'the catch-all * takes no port');
  if (kind !== 'exact' && written === '') throw new HostSyntaxError(text, 'nothing after the wildcard');
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

/** The parts of a pattern other than the catch-all, as written. @throws HostSyntaxError for a port that is none */
function splitPattern(text: string): {
  readonly kind: Exclude<HostPatternKind, 'catch-all'>;
  readonly written: string;
  readonly port: number | undefined;
} {
  const { host, port } = !text.includes(':') || isIPv6(text) ? { host: text } : splitPort(text);
  if (host.startsWith('**.')) return { kind: 'any-depth', written: host.slice(3), port };
  if (host.startsWith('*.')) return { kind: 'one-label', written: host.slice(2), port };
  return { kind: 'exact', written: host, port };
}

function refuseUnusualAddress(text: string, kind: HostPatternKind, written: string, name: string): void {
  if (kind !== 'exact') throw new HostSyntaxError(text, 'an IP address takes no wildcard');
  const bare = withoutBrackets(written).toLowerCase();
  if (bare !== name) throw new HostSyntaxError(text, `the canonical form of this address is ${name}`);
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
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
 * labels, then with port. A look-up costs a map read or two for each label of the host, whatever the number of patterns.
 */
export class HostPatternMap<Value> {
  readonly #names = {
    exact: new Names<Value>(),
    'one-label': new Names<Value>(),
    'any-depth': new Names<Value>(),
  };
  #catchAll: Value | undefined;

  /** `text` is canonical: that of a parsed pattern. */
  set(text: string, value: Value): void {
    if (text === '*') this.#catchAll = value;
    else {
      const { kind, written, port } = splitPattern(text);
      this.#names[kind].set(withoutBrackets(written), port, value);
    }
  }

  /** The value of this very pattern. */
  get(text: string): Value | undefined {
    if (text === '*') return this.#catchAll;
    const { kind, written, port } = splitPattern(text);
    return this.#names[kind].at(withoutBrackets(written), port);
  }

  /** `host` is normalised already. */
  find(host: string, port: number | undefined): HostPatternMatch<Value> {
    const { exact, 'one-label': oneLabel, 'any-depth': anyDepth } = this.#names;
    let value = exact.find(host, port);
    let needsPort = port === undefined && exact.hasPort(host);
    if (value === undefined && !isAddress(host)) {
      const parent = parentOf(host);
      if (parent !== undefined) {
        value = oneLabel.find(parent, port);
        needsPort ||= port === undefined && oneLabel.hasPort(parent);
      }
      for (let name: string | undefined = host; value === undefined && name !== undefined;) {
        value = anyDepth.find(name, port);
        needsPort ||= port === undefined && anyDepth.hasPort(name);
        name = name === host ? parent : parentOf(name);
      }
    }
    // The catch-all is for hosts that nothing else covers; here something may, on a port that nobody told us.
    if (value === undefined && !needsPort) value = this.#catchAll;
    return value === undefined ? { found: false, needsPort } : { found: true, value };
  }
}

/** The patterns of one kind, by the name behind the wildcard. */
class Names<Value> {
  readonly #plain = new Map<string, Value>();
  readonly #withPort = new Map<string, Map<number, Value>>();

  set(name: string, port: number | undefined, value: Value): void {
    if (port === undefined) {
      this.#plain.set(name, value);
      return;
    }
    const ports = this.#withPort.get(name) ?? new Map<number, Value>();
    this.#withPort.set(name, ports.set(port, value));
  }

  at(name: string, port: number | undefined): Value | undefined {
    return port === undefined ? this.#plain.get(name) : this.#withPort.get(name)?.get(port);
  }

  /** The pattern with this port, or else the one without any. */
  find(name: string, port: number | undefined): Value | undefined {
    const value = port === undefined || this.#withPort.size === 0 ? undefined : this.at(name, port);
    return value ?? this.#plain.get(name);
  }

  hasPort(name: string): boolean {
    return this.#withPort.has(name);
  }
}

/** Of normalised hosts, no name ends in a number. */
function isAddress(host: string): boolean {
  return host.includes(':') || isIPv4(host);
}

function parentOf(name: string): string | undefined {
  const dot = name.indexOf('.');
  return dot === -1 ? undefined : name.slice(dot + 1);
}
