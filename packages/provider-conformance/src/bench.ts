import { AssertionError, fail } from 'node:assert/strict';
import type { PinProvider, PinReadResult } from '@pinvault/core';
import type { Capability, ProviderBackend } from './harness.js';

type Method =
  Exclude<Capability, 'close' | 'absence' | 'secrets'> | 'restore' | 'renewCredentials' | 'publishFor';

/** One store with its providers, for the length of one check. */
export class Bench {
  readonly backend: ProviderBackend;
  readonly #providers: PinProvider[] = [];

  constructor(backend: ProviderBackend) {
    this.backend = backend;
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
    return provider;
  }

  async end(): Promise<void> {
    try {
      // Else a held request would hold the store's own end.
      await this.backend.restore?.();
      for (const provider of this.#providers) await provider.close?.();
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

// Long enough for a busy machine, short enough that a hang is told here and not by the runner.
const readLimitMs = 8_000;

/** One read, which has to settle by itself. @throws AssertionError where it does not; else what the provider throws */
export async function read(
  provider: PinProvider,
  { signal = new AbortController().signal, ...rest }: ReadOptions = {},
): Promise<PinReadResult> {
  return within(readLimitMs, 'the read', provider.read({ ...rest, signal }));
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
