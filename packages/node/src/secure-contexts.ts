import { getFips } from 'node:crypto';
import tls, { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls';

interface Made {
  readonly context: SecureContext;
  /** What Node has read of the options, and copies of what could be changed in place. */
  readonly read: ReadonlyMap<string, unknown>;
  readonly defaults: readonly unknown[];
}

/**
 * The context of an agent's connections (CAs, keys, ciphers), made once and not for each: that costs about as much as the
 * rest of a resumed handshake.
 *
 * **Security:** a context is used again only where a new one would be the same: every option that Node has read to make
 * it has the same content, and so have Node's defaults. Without `ca` it is left to Node: the default CAs may change.
 */
export class SecureContexts {
  #last: Made | undefined;

  /** The caller's own where there is one; `undefined` where Node is to make it. @throws Node's own error for a certificate or a key that is none */
  of(options: ConnectionOptions): SecureContext | undefined {
    const { ca, secureContext } = options;
    if (!ca || secureContext) return secureContext;
    if (this.#last !== undefined && wouldBeSame(this.#last, options)) return this.#last.context;
    const { made, isComparable } = make(options);
    this.#last = isComparable ? made : undefined;
    return made.context;
  }
}

function make(options: ConnectionOptions): { readonly made: Made; readonly isComparable: boolean } {
  const read = new Map<string, unknown>();
  let isComparable = true;
  // Whatever this version of Node reads, and no list of ours.
  const watched = new Proxy(options, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      const kept = copyOf(value);
      if (typeof name === 'string' && kept !== incomparable) read.set(name, kept);
      else isComparable = false;
      return value;
    },
    has(target, name) {
      isComparable = false;
      return Reflect.has(target, name);
    },
    ownKeys(target) {
      isComparable = false;
      return Reflect.ownKeys(target);
    },
  });
  const defaults = defaultsNow();
  return { made: { context: createSecureContext(watched), read, defaults }, isComparable };
}

function wouldBeSame({ read, defaults }: Made, options: ConnectionOptions): boolean {
  for (const [name, kept] of read) {
    if (!isSame(kept, (options as Record<string, unknown>)[name])) return false;
  }
  return defaultsNow().every((value, index) => value === defaults[index]);
}

function defaultsNow(): unknown[] {
  return [
    tls.DEFAULT_CIPHERS,
    tls.DEFAULT_ECDH_CURVE,
    tls.DEFAULT_MIN_VERSION,
    tls.DEFAULT_MAX_VERSION,
    getFips(),
  ];
}

/** Stands for a value that may have changed inside when it is seen again. */
const incomparable = Symbol('incomparable');

function copyOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) {
    const copies = value.map(copyOf);
    return copies.includes(incomparable) ? incomparable : copies;
  }
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? incomparable : value;
}

function isSame(kept: unknown, value: unknown): boolean {
  if (kept instanceof Uint8Array) return value instanceof Uint8Array && Buffer.compare(kept, value) === 0;
  if (!Array.isArray(kept)) return kept === value;
  return (
    Array.isArray(value) &&
    kept.length === value.length &&
    kept.every((each, index) => isSame(each, value[index]))
  );
}
