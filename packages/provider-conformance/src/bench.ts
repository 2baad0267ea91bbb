import { AssertionError, fail } from 'node:assert/strict';
import type { PinProvider, PinReadResult } from '@pinvault/core';
import type { Capability, ProviderBackend, ProviderHarness } from './harness.js';

type Method =
  Exclude<Capability, 'close' | 'absence' | 'secrets'> | 'restore' | 'renewCredentials' | 'publishFor';

// A provider is handed around without its bench.
const readLimits = new WeakMap<PinProvider, number>();

/** One store with its providers, for the length of one check. */
export class Bench {
  readonly backend: ProviderBackend;
  /** How long anything may take that has to end by itself. */
  readonly limitMs: number;
  readonly #providers: PinProvider[] = [];

  private constructor(backend: ProviderBackend, limitMs: number) {
    this.backend = backend;
    this.limitMs = limitMs;
  }

  /** With a store that has just started. */
  static async start(harness: ProviderHarness): Promise<Bench> {
    return new Bench(await harness.start(), harness.limitMs ?? 5_000);
  }

  /** What the harness offers under this name. @throws AssertionError where it offers nothing */
  use<Name extends Method>(name: Name): NonNullable<ProviderBackend[Name]> {
    const method = this.backend[name];
    if (method === undefined)
      fail(`the harness offers no ${name}(): offer it, or say why not under "cannot"`);
    return method.bind(this.backend) as NonNullable<ProviderBackend[Name]>;
  }

  /** The planted credentials. @throws AssertionError where there are none, or one is too short to be found for sure */
  get secrets(): readonly string[] {
    const secrets = this.backend.secrets ?? [];
    if (secrets.length === 0)
      fail('the harness offers no secrets: offer them, or say why not under "cannot"');
    if (secrets.some((secret) => secret.length < 8)) fail('a secret of fewer than 8 characters is no canary');
    return secrets;
  }

  /** A provider that is closed at the end of the check. */
  async provider(
    kind: 'plain' | 'per-host' | { readonly timeoutMs: number } = 'plain',
  ): Promise<PinProvider> {
    const provider = await (kind === 'plain'
      ? this.backend.create()
      : kind === 'per-host'
        ? this.use('createPerHost')()
        : this.use('createWithTimeout')(kind.timeoutMs));
    this.#providers.push(provider);
    readLimits.set(provider, this.limitMs);
    return provider;
  }

  async end(): Promise<void> {
    try {
      // Else a held request would hold the store's own end.
      await this.backend.restore?.();
      for (const provider of this.#providers)
        await within(this.limitMs, 'close()', provider.close?.() ?? Promise.resolve());
    } finally {
      await this.backend.stop();
    }
  }
}

/** What a check may ask a provider for. */
export interface ReadOptions {
  readonly host?: string;
  readonly knownRevision?: string;
  readonly signal?: AbortSignal;
}

/** One read, which has to settle by itself. @throws AssertionError where it does not; else what the provider throws */
export async function read(
  provider: PinProvider,
  { signal = new AbortController().signal, ...rest }: ReadOptions = {},
): Promise<PinReadResult> {
  return within(readLimits.get(provider) ?? 5_000, 'the read', provider.read({ ...rest, signal }));
}

/** The value, which has to come within the limit. */
export async function within<Value>(limitMs: number, what: string, value: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `${what} did not settle within ${String(limitMs)} ms`;
    timer = setTimeout(() => reject(new AssertionError({ message })), limitMs);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}
