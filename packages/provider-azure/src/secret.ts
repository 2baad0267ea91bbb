import { PinDocumentError, PinProviderError, type PinReadResult } from '@pinvault/core';
import type { AzureSecret, AzureSecretProperties } from './sdk-shapes.js';

/** Which secret of which vault an answer is about. */
export interface SecretPlace {
  /** Host of the vault. */
  readonly host: string;
  /** The vault's own name, for commands. */
  readonly vaultName: string;
  readonly name: string;
}

/**
 * The document in a version of a secret. Azure Key Vault hands out a version before its `notBefore` and after its
 * `expiresOn`; here neither is in force, and neither replaces a good one.
 *
 * @throws PinProviderError, PinDocumentError
 */
export function readSecret(
  { value, properties }: AzureSecret,
  place: SecretPlace,
  { now, knownRevision }: { readonly now: number; readonly knownRevision?: string | undefined },
): PinReadResult {
  const { version, contentType, createdOn } = properties;
  if (typeof version !== 'string' || version === '') throw malformed(place, 'it has no version', 'bad-value');
  refuseNotInForce(properties, place, now);
  refuseContentType(contentType, place);
  // A version's value never changes; what may change about it has been looked at.
  if (version === knownRevision) return { unchanged: true, revision: version };
  if (typeof value !== 'string') throw malformed(place, 'it holds no text', 'bad-value');
  return {
    document: value,
    revision: version,
    ...(createdOn instanceof Date && !Number.isNaN(createdOn.getTime()) ? { createdAt: createdOn } : {}),
  };
}

function refuseNotInForce(
  { version = '', enabled, notBefore, expiresOn }: AzureSecretProperties,
  { host, vaultName, name }: SecretPlace,
  now: number,
): void {
  const refuse = (problem: string, detail: string): never => {
    const advice = `az keyvault secret set-attributes --vault-name ${vaultName} --name ${name}`;
    throw new PinProviderError(
      'ERR_PROVIDER_NOT_FOUND',
      `version ${versionText(version)} of the secret ${name} in ${host} ${problem}; write a new version, or change this one (${advice})`,
      { provider: 'azure', detail },
    );
  };
  if (enabled === false) refuse('is disabled', 'disabled');
  // A date that cannot be read says nothing of when it ends: it is over.
  if (notBefore !== undefined && !(notBefore.getTime() <= now))
    refuse(`is not valid before ${dateText(notBefore)}`, 'not-yet-valid');
  if (expiresOn !== undefined && !(expiresOn.getTime() > now))
    refuse(`has expired at ${dateText(expiresOn)}`, 'expired');
}

/** Free text is what people write into the portal's field; a media type is a claim, and has to be a document's. */
function refuseContentType(contentType: string | undefined, place: SecretPlace): void {
  if (contentType === undefined || !contentType.includes('/')) return;
  if (/^\s*(?:(?:application|text)\/(?:[a-z0-9.!#$&^_-]+\+)?json|text\/plain)\s*(?:;|$)/iu.test(contentType))
    return;
  const kind = /^\s*([a-z0-9.+-]{1,40}\/[a-z0-9.+-]{1,60})\s*(?:;|$)/iu.exec(contentType)?.[1];
  const isCertificate = /pkcs12|pem/iu.test(kind ?? '');
  throw malformed(
    place,
    `its content type is ${kind ?? 'another one'}`,
    'not-json',
    isCertificate
      ? 'it is the secret behind a certificate: name the secret that holds the pins'
      : 'set application/json, or none, on the secret that holds the pins',
  );
}

function malformed(
  { host, name }: SecretPlace,
  problem: string,
  reason: 'bad-value' | 'not-json',
  hint = 'is it the secret that holds the pins?',
): PinDocumentError {
  const text = `the secret ${name} in ${host} is no document of pins: ${problem}`;
  return new PinDocumentError('ERR_DOCUMENT_MALFORMED', text, { reason, hint });
}

function versionText(version: string): string {
  return /^[0-9a-z]{1,64}$/iu.test(version) ? version : '(unreadable)';
}

function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'a date that cannot be read' : date.toISOString();
}
