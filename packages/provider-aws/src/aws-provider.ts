import { HostSyntaxError, type PinProvider, type PinReadRequest, type PinReadResult } from '@pinvault/core';
import { AwsClient } from './aws-client.js';
import { misconfigured } from './failures.js';
import { HostBatch } from './host-batch.js';
import { type AwsProviderOptions, readAwsSettings } from './options.js';
import type { SecretId } from './secret-id.js';
import { SecretReader } from './secret-reader.js';

/**
 * Pins in a secret of AWS Secrets Manager; the secret's text is the document, and `VersionId` the revision.
 *
 * A missing secret, one that is scheduled for deletion, a denied read and a service that is away are told apart, and none
 * of them means "no pins". **Security:** plain http is refused outside loopback, whatever asked for it; no credential,
 * and no text of an answer, is in any error.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) for a wrong option
 * @example
 * const provider = createAwsProvider({ secretId: 'prod/tls-pins' });
 */
export function createAwsProvider(options: AwsProviderOptions): PinProvider {
  const settings = readAwsSettings(options);
  const { secret, versionStage } = settings;
  const client = new AwsClient(settings);
  const reader = new SecretReader(client, versionStage);
  const reads = secret.isPerHost ? new HostBatch(client, reader, versionStage === 'AWSCURRENT') : reader;
  return {
    name: 'aws',
    scope: secret.isPerHost ? 'host' : 'document',
    location: secret.text,
    defaultRefreshIntervalMs: 60_000,
    async read({ host, knownRevision, signal }: PinReadRequest): Promise<PinReadResult> {
      const id = idFor(secret, host);
      return client.during(signal, async (ending) => reads.read(id, knownRevision, ending));
    },
    close: () => client.close(),
  };
}

function idFor(secret: SecretId, host: string | undefined): string {
  try {
    return secret.idFor(host);
  } catch (error) {
    if (!(error instanceof HostSyntaxError)) throw error;
    throw misconfigured(`${secret.text} has one secret per host, and ${error.message}`, 'host');
  }
}
