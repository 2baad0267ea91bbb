import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { misconfigured } from '../environment.js';

/** Text or bytes of PEM. */
export type Pem = string | Buffer;

/** @throws PinProviderError (`ERR_PROVIDER_MISCONFIGURED`), which names the option or the variable and not the file */
export function readPemFile(named: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw misconfigured(`the file that ${named} names cannot be read: ${code}`);
  }
}

/** Whether there is a certificate in it; Node would take what holds none without a word. */
export function isCertificate(pem: unknown): pem is Pem {
  if (typeof pem !== 'string' && !Buffer.isBuffer(pem)) return false;
  if (!pem.includes('-----BEGIN ')) return false;
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
