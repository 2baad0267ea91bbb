import {
  HostSyntaxError,
  type PinProvider,
  PinProviderError,
  type PinReadRequest,
  type PinReadResult,
} from '@pinvault/core';
import type { Credential } from './auth/credential.js';
import { createCredentials } from './auth/create-credentials.js';
import { untilAborted } from './connection/until-aborted.js';
import { VaultEvents } from './events/vault-events.js';
import { endedByCaller } from './failures.js';
import { type Asking, KvReader } from './kv/kv-reader.js';
import { readVaultSettings, type VaultProviderOptions } from './options.js';
import { isPerHost, type SecretPath, secretOf } from './secret-path.js';
import { VaultTransport } from './transport.js';
import { VaultClient } from './vault-client.js';

/**
 * Pins in a secret of a KV back end of HashiCorp Vault or OpenBao; each row of the secret is a row of the document. The
 * revision is the secret's version, and with KV version 1, which has none, the content's hash. With `{host}` in the path,
 * each host has a secret of its own.
 *
 * A deleted or destroyed version, a missing secret, a denied token and a vault that is away are told apart, and none of
 * them means "no pins". **Security:** the token goes to the configured addresses only and appears in no error.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) for a wrong option
 * @throws PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) for a wrong or missing variable
 * @example
 * const provider = createVaultProvider({ path: 'secret/tls-pins' });
 */
export function createVaultProvider(options: VaultProviderOptions): PinProvider {
  const settings = readVaultSettings(options);
  const { secret, address, clock } = settings;
  const transport = new VaultTransport(settings);
  const kv = new KvReader(secret, settings.kv, clock);
  let opening: Promise<VaultClient> | undefined;
  const client = async (): Promise<VaultClient> => (opening ??= VaultClient.create(settings, transport));
  const ending = new AbortController();
  const credentials = createCredentials(settings, client, ending.signal);

  const askingWith = async (credential: Credential, signal: AbortSignal): Promise<Asking> => {
    const vault = await client();
    return { address, token: credential.secrets, ask: (path) => vault.read(path, credential, signal) };
  };
  // A token function may hang, and a log-in serves many reads; the read that waits for it ends when it has to.
  const untilEnded = async <Value>(begun: Promise<Value>, signal: AbortSignal): Promise<Value> =>
    untilAborted(begun, signal, () => endedByCaller(address, signal.reason));
  const current = async (signal: AbortSignal): Promise<Credential> =>
    untilEnded(credentials.current(), signal);
  const readWith = async (
    from: SecretPath,
    { knownRevision, signal }: PinReadRequest,
    credential: Credential,
  ): Promise<PinReadResult> => {
    const result = await kv.read(from, knownRevision, await askingWith(credential, signal));
    credentials.accepted?.(credential, from.text);
    return result;
  };
  const events = new VaultEvents({
    settings,
    transport,
    credential: current,
    locate: async (signal) => kv.locate(secret, await askingWith(await current(signal), signal)),
  });

  return {
    name: 'vault',
    scope: isPerHost(secret) ? 'host' : 'document',
    location: secret.text,
    defaultRefreshIntervalMs: 30_000,
    async read(request: PinReadRequest): Promise<PinReadResult> {
      const { host, signal } = request;
      const from = isPerHost(secret) ? secretFor(secret, host) : secret;
      const credential = await current(signal);
      try {
        return await readWith(from, request, credential);
      } catch (error) {
        if (!(error instanceof PinProviderError) || error.code !== 'ERR_PROVIDER_DENIED') throw error;
        // The token may have ended, or been replaced, since it was taken: once more, where there is another one.
        const next = await untilEnded(credentials.replace(credential, from.text), signal);
        if (next === undefined) throw error;
        return readWith(from, request, next);
      }
    },
    watch: (onChange, { signal }) => events.watch(onChange, signal),
    updates: () => events.updates,
    retry: () => credentials.retry?.(),
    async close() {
      events.close();
      await credentials.close();
      ending.abort();
      await transport.close();
    },
  };
}

/** @throws PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) where the caller names no host */
function secretFor(template: SecretPath, host: string | undefined): SecretPath {
  try {
    return secretOf(template, host ?? '');
  } catch (error) {
    if (!(error instanceof HostSyntaxError)) throw error;
    const problem = `${template.text} is one secret per host, and the read names none: ${error.problem}`;
    throw new PinProviderError('ERR_PROVIDER_MISCONFIGURED', problem, { provider: 'vault' });
  }
}
