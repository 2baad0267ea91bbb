import { HostSyntaxError, normaliseHost, PinProviderError } from '@pinvault/core';

/** Which secret holds the pins. */
export interface SecretName {
  /** As it was given, `{host}` included. */
  readonly text: string;
  readonly scope: 'document' | 'host';
  /** The name of the secret that a read is about. @throws PinProviderError */
  resolve(host: string | undefined): string;
}

// Azure Key Vault: 1 to 127 characters, and no others.
const azureName = /^[0-9A-Za-z-]{1,127}$/u;
const placeholder = '{host}';

/** Reads the name of a secret, with `{host}` once in it for one secret per host; or says what is wrong with it. */
export function parseSecretName(text: unknown): SecretName | { readonly problem: string } {
  if (typeof text !== 'string' || text === '') return { problem: "is no secret's name, such as tls-pins" };
  const parts = text.split(placeholder);
  if (parts.length > 2) return { problem: 'holds {host} twice' };
  if (!azureName.test(parts.join('h'))) {
    return {
      problem: 'is no name of a secret in Azure Key Vault: letters, digits and hyphens, 127 at most',
    };
  }
  const [before = '', after] = parts;
  if (after === undefined) return { text, scope: 'document', resolve: () => text };
  return { text, scope: 'host', resolve: (host) => nameFor(host, before, after) };
}

function nameFor(host: string | undefined, before: string, after: string): string {
  const name = `${before}${encodeHost(host)}${after}`;
  if (azureName.test(name)) return name;
  throw notLoadable(
    `the name of its secret would have ${name.length} characters, and Azure Key Vault takes 127`,
    'name-too-long',
  );
}

// Letters, digits and hyphens, no label with a hyphen at an end (RFC 1123 §2.1).
const plainHost = /^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$/u;

/**
 * A host as part of a secret's name, in the alphabet that Azure allows and regardless of case: each dot becomes one
 * hyphen and each hyphen two, so `api.my-bank.example` is `api-my--bank-example`. A host that is not made of letters,
 * digits, hyphens and dots alone (an IPv6 address, a name with an underscore) becomes a hyphen and the hexadecimal of
 * its text. No two hosts have one name: hyphens never touch dots, and a plain host never begins with a hyphen.
 *
 * @throws PinProviderError
 */
export function encodeHost(host: string | undefined): string {
  let normal: string;
  try {
    normal = normaliseHost(host ?? '');
  } catch (error) {
    if (!(error instanceof HostSyntaxError)) throw error;
    throw notLoadable(`no host to read for: ${error.problem}`, 'bad-host');
  }
  if (plainHost.test(normal)) return normal.replaceAll('-', '--').replaceAll('.', '-');
  return `-${Buffer.from(normal, 'latin1').toString('hex')}`;
}

function notLoadable(problem: string, detail: string): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_NOT_FOUND', problem, { provider: 'azure', detail });
}
