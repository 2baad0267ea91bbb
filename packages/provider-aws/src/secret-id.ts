import { HostSyntaxError, invalidOption, normaliseHost } from '@pinvault/core';

/** Which secret, or which secrets, hold the pins. */
export interface SecretId {
  /** As it was written. */
  readonly text: string;
  readonly isPerHost: boolean;
  /** The id for one host, or for all. @throws HostSyntaxError */
  idFor(host: string | undefined): string;
}

const option = 'aws.secretId (PINVAULT_AWS_SECRET_ID)';
const placeholder = '{host}';

/**
 * Reads the name or ARN of a secret. A host goes into it encoded, so that it can be no other secret's name: what a name
 * cannot hold, and the separators `/` and `=`, are written `=XX`.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`)
 */
export function parseSecretId(text: string): SecretId {
  if (typeof text !== 'string' || text === '')
    throw invalidOption(option, 'is missing: the name or ARN of the secret, such as prod/tls-pins');
  const parts = text.split(placeholder);
  if (parts.length > 2) throw invalidOption(option, 'holds {host} more than once');
  // Names have letters, digits and /_+=.@-; an ARN has colons, too. 2048 is the API's own limit.
  if (!/^[\w/+=.@:-]{1,2048}$/u.test(parts.join('')))
    throw invalidOption(option, 'holds a character that the name or ARN of a secret cannot have');
  const [before = '', after = ''] = parts;
  if (parts.length === 1) return { text, isPerHost: false, idFor: () => text };
  return { text, isPerHost: true, idFor: (host) => `${before}${encodeHost(host)}${after}` };
}

function encodeHost(host: string | undefined): string {
  if (host === undefined || host === '') throw new HostSyntaxError('', 'no host was given');
  return normaliseHost(host).replaceAll(
    /[^a-z0-9._-]/gu,
    (character) => `=${Buffer.from(character).toString('hex').toUpperCase()}`,
  );
}

/** Whether the API's answer is the secret of this id: ids may be names, ARNs, or ARNs without their last six characters. */
export function isSecretOf(
  id: string,
  { name, arn }: { readonly name: string; readonly arn: string },
): boolean {
  if (name === id || arn === id) return true;
  return id.startsWith('arn:') && arn.length === id.length + 7 && arn.startsWith(`${id}-`);
}
