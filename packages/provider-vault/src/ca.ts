import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { invalidOption } from '@pinvault/core';
import { type Environment, misconfigured, readVariable, type Variable } from './environment.js';

/** PEM of one or more certificates. */
export type CaOption = string | Buffer | readonly (string | Buffer)[];

/** The CAs that are trusted for the vault's certificate; `undefined` for Node's. @throws TypeError, PinProviderError */
export function readCa(ca: CaOption | undefined, env: Environment): (string | Buffer)[] | undefined {
  if (ca !== undefined) {
    const list: unknown[] = Array.isArray(ca) ? [...(ca as unknown[])] : [ca];
    // Node would take what holds no certificate, and then trust nobody, without a word on why.
    if (list.length > 0 && list.every(isCertificate)) return list;
    throw invalidOption('vault.ca', 'holds no certificate in PEM');
  }
  const variable = readVariable(env, 'CACERT');
  if (variable === undefined) return undefined;
  const pem = readCaFile(variable);
  if (isCertificate(pem)) return [pem];
  throw misconfigured(`the file that ${variable.name} names holds no certificate in PEM`);
}

function readCaFile({ name, value }: Variable): Buffer {
  try {
    return readFileSync(value);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw misconfigured(`the file that ${name} names cannot be read: ${code}`);
  }
}

function isCertificate(pem: unknown): pem is string | Buffer {
  if (typeof pem !== 'string' && !Buffer.isBuffer(pem)) return false;
  if (!pem.includes('-----BEGIN ')) return false;
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
