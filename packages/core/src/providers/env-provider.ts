import { PinDocumentError, PinProviderError } from '../errors.js';
import type { PinProvider } from '../provider.js';
import { revisionOf } from './static-provider.js';

/** Where {@link createEnvProvider} finds the document. */
export interface EnvProviderOptions {
  /** The variable with the document as text; `<variable>_B64` is read where it is not set. @defaultValue `'PINVAULT_PINS'` */
  readonly variable?: string | undefined;
  /** @defaultValue `process.env` */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A document in the environment: inline, or base64 in `<variable>_B64`. An empty variable counts as unset. */
export function createEnvProvider(options: EnvProviderOptions = {}): PinProvider {
  const { variable = 'PINVAULT_PINS', env = process.env } = options;
  return {
    name: 'env',
    location: variable,
    read: async () => {
      const document = readVariable(env, variable);
      return { document, revision: revisionOf(document) };
    },
  };
}

function readVariable(
  env: Readonly<Record<string, string | undefined>>,
  variable: string,
): string | Uint8Array {
  // Blank counts as unset, too: a template may have left a space.
  const inline = env[variable]?.trim() === '' ? '' : (env[variable] ?? '');
  const encoded = (env[`${variable}_B64`] ?? '').replaceAll(/\s/gu, '');
  if (inline !== '' && encoded !== '') {
    throw new PinProviderError(
      'ERR_PROVIDER_MISCONFIGURED',
      `both ${variable} and ${variable}_B64 are set: give one document`,
      { provider: 'env' },
    );
  }
  if (inline !== '') return inline;
  if (encoded === '') {
    throw new PinProviderError('ERR_PROVIDER_NOT_FOUND', `neither ${variable} nor ${variable}_B64 is set`, {
      provider: 'env',
    });
  }
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/u.test(encoded)) {
    throw new PinDocumentError('ERR_DOCUMENT_MALFORMED', `${variable}_B64 is not base64`, {
      reason: 'encoding',
      key: `${variable}_B64`,
    });
  }
  return Buffer.from(encoded, 'base64');
}
