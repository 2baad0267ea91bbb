import { createSecureContext, type SecureContext } from 'node:tls';
import type { CaSource } from './ca.js';
import type { ClientCertificate, ClientCertificateSource } from './client-certificate.js';
import type { Pem } from './pem.js';

interface Material {
  readonly ca: readonly Pem[] | undefined;
  readonly client: ClientCertificate | undefined;
}

/**
 * Trusted CAs and client certificate as one object for OpenSSL. Never as options: Node prints those under NODE_DEBUG, and
 * with them the private key. What lies in files is read anew, so that a rotation on disk needs no restart.
 */
export class SecureContexts {
  readonly #ca: CaSource;
  readonly #client: ClientCertificateSource;
  #material: Material | undefined;
  #context: SecureContext | undefined;

  constructor(ca: CaSource, client: ClientCertificateSource) {
    this.#ca = ca;
    this.#client = client;
  }

  /** The context for the next connection. @throws PinProviderError where there never was a good one */
  current(): SecureContext {
    const before = this.#context;
    try {
      const material = { ca: this.#ca(), client: this.#client() };
      if (before !== undefined && isSame(material, this.#material)) return before;
      const context = createSecureContext({
        minVersion: 'TLSv1.2',
        ...(material.ca === undefined ? {} : { ca: [...material.ca] }),
        ...material.client,
      });
      this.#material = material;
      this.#context = context;
      return context;
    } catch (error) {
      // In the midst of a rotation certificate and key do not match: the last good ones serve a while longer.
      if (before !== undefined) return before;
      throw error;
    }
  }
}

function isSame(one: Material, other: Material | undefined): boolean {
  return bytesOf(one).equals(bytesOf(other));
}

function bytesOf(material: Material | undefined): Buffer {
  const { ca = [], client } = material ?? {};
  const parts = [...ca, client?.cert ?? '', client?.key ?? ''];
  return Buffer.concat(parts.flatMap((part) => [Buffer.from(part), Buffer.from([0])]));
}
