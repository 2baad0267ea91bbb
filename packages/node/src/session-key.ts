import { hash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import type { Target } from '@pinvault/core';

/**
 * The options on which it depends what a full handshake would say: whom it trusts, who the client is, and how they
 * speak. Node's name of a pool is not enough: objects in `pfx` and `key` have one text there between them.
 */
const shaping = [
  'ALPNProtocols',
  'allowPartialTrustChain',
  'ca',
  'cert',
  'ciphers',
  'clientCertEngine',
  'crl',
  'dhparam',
  'ecdhCurve',
  'honorCipherOrder',
  'host',
  'key',
  'localAddress',
  'maxVersion',
  'minDHSize',
  'minVersion',
  'passphrase',
  'pfx',
  'port',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'requestOCSP',
  'secureOptions',
  'secureProtocol',
  'servername',
  'sessionIdContext',
  'sigalgs',
  'socketPath',
] as const;

// Shorter texts are hashed faster than they are looked up.
const longText = 1_024;

/** Names under which sessions are kept: a session is only for a connection that would be opened in the very same way. */
export class SessionKeys {
  // What an agent was made with comes back with every connection: a bundle of CAs is hashed once.
  readonly #last = new Map<string, { readonly text: string; readonly digest: string }>();
  readonly #contexts = new WeakMap<object, number>();
  #contextCount = 0;
  // The connection before this one was mostly the same: values that cannot change, and the key that they have made.
  #before: readonly unknown[] = [];
  #keyBefore: string | undefined;

  /** `undefined` where an option cannot be told apart from another of its kind: no session then. */
  of(target: Target, options: RequestOptions): string | undefined {
    const values = [target.host, target.port, (options as { secureContext?: unknown }).secureContext];
    for (const name of shaping) values.push((options as Record<string, unknown>)[name]);
    const { length } = this.#before;
    if (length === values.length && values.every((value, index) => value === this.#before[index]))
      return this.#keyBefore;
    const key = this.#keyOf(target, options);
    this.#before = values.some(isMutable) ? [] : values;
    this.#keyBefore = key;
    return key;
  }

  #keyOf(target: Target, options: RequestOptions): string | undefined {
    let text = `${JSON.stringify([target.host, target.port])}\n`;
    for (const name of shaping) {
      const value: unknown = (options as Record<string, unknown>)[name];
      if (value === undefined || value === null) continue;
      const part = this.#textOf(name, value);
      if (part === undefined) return undefined;
      text += `${name}=${part}\n`;
    }
    const { secureContext } = options as { secureContext?: object | null };
    if (secureContext !== undefined && secureContext !== null)
      text += `secureContext=${this.#numberOf(secureContext)}\n`;
    // Private keys and passphrases are in there.
    return hash('sha256', text, 'base64');
  }

  /** A text that no other value has. */
  #textOf(name: string, value: unknown): string | undefined {
    if (typeof value === 'string')
      return value.length < longText ? quoted(value) : this.#digestOf(name, value);
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    if (ArrayBuffer.isView(value)) return `bytes ${hash('sha256', value as Uint8Array, 'base64')}`;
    if (Array.isArray(value)) {
      const parts = value.map((each: unknown) => this.#textOf(name, each));
      return parts.includes(undefined) ? undefined : `[${parts.join(',')}]`;
    }
    return isPlain(value) ? this.#textOf(name, Object.entries(value).toSorted(byName)) : undefined;
  }

  #digestOf(name: string, text: string): string {
    const last = this.#last.get(name);
    if (last?.text === text) return last.digest;
    const digest = `text ${hash('sha256', text, 'base64')}`;
    this.#last.set(name, { text, digest });
    return digest;
  }

  #numberOf(context: object): number {
    const known = this.#contexts.get(context);
    if (known !== undefined) return known;
    this.#contextCount += 1;
    this.#contexts.set(context, this.#contextCount);
    return this.#contextCount;
  }
}

function byName([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : 1;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function isMutable(value: unknown): boolean {
  return value !== null && (typeof value === 'object' || typeof value === 'function');
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
