import { X509Certificate } from 'node:crypto';
import { invalidOption } from '@pinvault/core';

/** PEM of one or more certificates. */
export type CaOption = string | Buffer | readonly (string | Buffer)[];

/** The CAs that are trusted for the endpoint's certificate; `undefined` for Node's. @throws TypeError */
export function readCa(ca: CaOption | undefined): (string | Buffer)[] | undefined {
  if (ca === undefined) return undefined;
  const list: unknown[] = Array.isArray(ca) ? [...(ca as unknown[])] : [ca];
  // Node would take what holds no certificate, and then trust nobody, without a word on why.
  if (list.length > 0 && list.every(isCertificate)) return list;
  throw invalidOption('aws.ca', 'holds no certificate in PEM');
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
