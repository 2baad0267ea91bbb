import type { ProviderUpdates } from '@pinvault/core';
import type { Credential } from '../auth/credential.js';
import { member, parseResponse } from '../answer.js';
import { requestFailure } from '../failures.js';
import { foreignText } from '../foreign-text.js';
import type { KvLocation } from '../kv/location.js';
import type { VaultSettings } from '../options.js';
import { isPerHost } from '../secret-path.js';
import type { VaultTransport } from '../transport.js';
import { type EventSource, EventWatch } from './event-watch.js';

const maxReasonLength = 256;

/** What events need of the provider that they belong to. */
export interface EventContext {
  readonly settings: VaultSettings;
  readonly transport: VaultTransport;
  /** What is shown to the vault now. */
  readonly credential: (signal: AbortSignal) => Promise<Credential>;
  /** Where the secrets lie. */
  readonly locate: (signal: AbortSignal) => Promise<KvLocation>;
}

/** The events of a vault, for one provider. */
export class VaultEvents {
  readonly #context: EventContext;
  readonly #watches = new Set<EventWatch>();
  #isClosed = false;
  #secrets: readonly string[] = [];

  constructor(context: EventContext) {
    this.#context = context;
  }

  /** How changes are noticed; `undefined` before anybody watches, and where events are switched off. */
  get updates(): ProviderUpdates | undefined {
    const [watch] = this.#watches;
    if (watch?.updates.reason === undefined) return watch?.updates;
    // Whoever answers in the vault's place may know the token from a read.
    return { ...watch.updates, reason: foreignText(watch.updates.reason, this.#secrets, maxReasonLength) };
  }

  /** Calls back when a secret may have changed, until `signal` aborts. Never throws. */
  watch(onChange: (revision?: string, host?: string) => void, signal: AbortSignal): void {
    const { settings } = this.#context;
    if (settings.events === false || signal.aborted || this.#isClosed) return;
    const perHost = isPerHost(settings.secret);
    // Never its revision: a secret that was begun anew has one that is in force already.
    const watch = new EventWatch(this.#source(), ({ host }) =>
      onChange(undefined, perHost ? host : undefined),
    );
    this.#watches.add(watch);
    const end = (): void => {
      watch.close();
      this.#watches.delete(watch);
    };
    signal.addEventListener('abort', end, { once: true });
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
  }

  #source(): EventSource {
    const { settings, transport, locate } = this.#context;
    const { address, clock, timeoutMs, namespace, events } = settings;
    return {
      address,
      clock,
      timeoutMs,
      random: Math.random,
      hasEvents: events === true ? undefined : async (signal) => this.#isEnterprise(signal),
      locate,
      connect: async (path, signal) => ({
        headers: {
          ...(await this.#credentialNow(signal)).headers,
          'X-Vault-Request': 'true',
          ...(namespace === '' ? {} : { 'X-Vault-Namespace': namespace }),
        },
        road: await transport.webSocket(path, signal),
      }),
    };
  }

  async #credentialNow(signal: AbortSignal): Promise<Credential> {
    const credential = await this.#context.credential(signal);
    this.#secrets = credential.secrets;
    return credential;
  }

  /** Asked without token and namespace: whoever may not ask for events leaves no trace of it in the vault's audit log. */
  async #isEnterprise(signal: AbortSignal): Promise<boolean> {
    const { settings, transport } = this.#context;
    const { secrets } = await this.#credentialNow(signal);
    const base = settings.address.href.replace(/\/+$/u, '');
    const url = new URL(`${base}/v1/sys/health?standbyok=true&perfstandbyok=true`);
    const { body } = parseResponse(
      await transport.request({ method: 'GET', url, headers: {}, secrets }, signal),
    );
    const version = member(body, 'version');
    if (typeof version !== 'string') throw requestFailure({ code: 'no answer of a vault' }, settings.address);
    return member(body, 'enterprise') === true || version.includes('+ent');
  }
}
