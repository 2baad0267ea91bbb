import { createPrivateKey, X509Certificate } from 'node:crypto';
import { invalidOption } from '@pinvault/core';
import { type Environment, misconfigured, readVariable } from '../environment.js';
import { isCertificate, type Pem, readPemFile } from './pem.js';

/** Options that name the client certificate; each needs its key. */
export interface ClientCertificateOptions {
  /** PEM of the client certificate, its intermediates after it. @defaultValue the file that `VAULT_CLIENT_CERT` names */
  readonly cert?: Pem | undefined;
  /** **Security:** PEM of its private key, not encrypted. @defaultValue the file that `VAULT_CLIENT_KEY` names */
  readonly key?: Pem | undefined;
  /** A file of such a certificate, read anew for each connection: one that is rotated on disk is shown from then on. */
  readonly certFile?: string | undefined;
  /** The file of its key. */
  readonly keyFile?: string | undefined;
}

/** What the vault is shown when it asks. */
export interface ClientCertificate {
  readonly cert: Pem;
  readonly key: Pem;
}

/** Hands over the client certificate; `undefined` where there is none. @throws PinProviderError */
export type ClientCertificateSource = () => ClientCertificate | undefined;

interface Half {
  readonly named: string;
  readonly isOption: boolean;
  readonly read: () => Pem;
}

/** Checks what is named, once; the source reads again. @throws TypeError, PinProviderError */
export function readClientCertificate(
  options: ClientCertificateOptions,
  env: Environment,
): ClientCertificateSource {
  const inCode = {
    cert: halfOf('cert', options.cert, options.certFile),
    key: halfOf('key', options.key, options.keyFile),
  };
  const { cert, key } =
    inCode.cert === undefined && inCode.key === undefined
      ? { cert: variableHalf('CLIENT_CERT', env), key: variableHalf('CLIENT_KEY', env) }
      : inCode;
  if (cert === undefined && key === undefined) return () => undefined;
  if (cert === undefined || key === undefined) {
    const present = cert ?? key;
    const lacking = cert === undefined ? 'certificate' : 'key';
    throw refused(present, `is set, and the ${lacking} to it is not: a client certificate needs both`);
  }
  const source = (): ClientCertificate => matching(cert, key);
  source();
  return source;
}

function halfOf(name: 'cert' | 'key', pem: unknown, file: unknown): Half | undefined {
  if (pem !== undefined && file !== undefined)
    throw invalidOption(`vault.${name}File`, `and vault.${name} exclude each other`);
  if (pem !== undefined) {
    if (typeof pem !== 'string' && !Buffer.isBuffer(pem))
      throw invalidOption(`vault.${name}`, 'is no PEM, as text or Buffer');
    return { named: `vault.${name}`, isOption: true, read: () => pem };
  }
  if (file === undefined) return undefined;
  if (typeof file !== 'string' || file === '') throw invalidOption(`vault.${name}File`, 'is no path');
  const named = `vault.${name}File`;
  return { named, isOption: false, read: () => readPemFile(named, file) };
}

function variableHalf(name: string, env: Environment): Half | undefined {
  const variable = readVariable(env, name);
  if (variable === undefined) return undefined;
  return {
    named: variable.name,
    isOption: false,
    read: () => readPemFile(variable.name, variable.value),
  };
}

function matching(certificate: Half, secret: Half): ClientCertificate {
  const cert = certificate.read();
  const key = secret.read();
  if (!isCertificate(cert)) throw refused(certificate, 'holds no certificate in PEM');
  let isMatch: boolean;
  try {
    isMatch = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    // OpenSSL's error is not repeated: what it failed to read may be a key.
    throw refused(secret, 'holds no private key in PEM that can be read without a password');
  }
  if (isMatch) return { cert, key };
  throw refused(secret, `is not the key of the certificate in ${certificate.named}`);
}

function refused(half: Half | undefined, problem: string): Error {
  return half?.isOption === true
    ? invalidOption(half.named, problem)
    : misconfigured(`${half?.named} ${problem}`);
}
