import type { KeyType, TestKey } from './key.js';
import type { SignatureHash } from './signature.js';

/** The named bits of the key usage extension (RFC 5280 §4.2.1.3). */
export type KeyUsage =
  | 'digitalSignature'
  | 'nonRepudiation'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign';

/** Object identifiers for {@link CertificateOptions.extendedKeyUsages}. */
export const EXTENDED_KEY_USAGES: {
  readonly any: '2.5.29.37.0';
  readonly serverAuth: '1.3.6.1.5.5.7.3.1';
  readonly clientAuth: '1.3.6.1.5.5.7.3.2';
  readonly emailProtection: '1.3.6.1.5.5.7.3.4';
} = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  emailProtection: '1.3.6.1.5.5.7.3.4',
};

/** DNS subtrees for the critical name constraints extension; a leading dot or none, as RFC 5280 writes them. */
export interface NameConstraints {
  readonly permittedDns?: readonly string[];
  readonly excludedDns?: readonly string[];
}

/** Key identifiers to write instead of the true ones, to forge them. What is left out stays true. */
export interface ForgedKeyIdentifiers {
  readonly subject?: Uint8Array;
  readonly authority?: Uint8Array;
}

/** One extension, written as given. A second one of the same OID is written too. */
export interface RawExtension {
  readonly oid: string;
  readonly critical: boolean;
  /** DER of the value, without the OCTET STRING around it. */
  readonly value: Uint8Array;
}

/** What a certificate says. Nothing is checked for sense: tests need certificates that contradict themselves. */
export interface CertificateOptions {
  /**
   * Common name, or a name such as `CN=x,O=y` (`\` escapes a comma).
   *
   * @defaultValue the first of `hosts`, else a fixed word with a random suffix, so that two CAs never share a name by
   * accident.
   */
  readonly subject?: string;
  /**
   * DNS names, wildcards or IP literals for subjectAltName, written as given.
   *
   * @defaultValue none, and no extension
   */
  readonly hosts?: readonly string[];
  /**
   * The CA bit of basicConstraints.
   *
   * @defaultValue `true` for roots and `issueCa`, `false` otherwise
   */
  readonly ca?: boolean;
  /** How many CAs may stand below, not counting this one. @defaultValue no limit */
  readonly pathLength?: number;
  /** @defaultValue one hour ago */
  readonly notBefore?: Date;
  /** @defaultValue in 90 days, with the CA bit in ten years */
  readonly notAfter?: Date;
  /** Kind of the key that is generated; without meaning beside `key`. @defaultValue `'ec'` */
  readonly keyType?: KeyType;
  /** An existing key, for same-key twins and cross-signed CAs. @defaultValue a new one */
  readonly key?: TestKey;
  /** Object identifiers; an empty list leaves the extension out. @defaultValue serverAuth, with the CA bit none */
  readonly extendedKeyUsages?: readonly string[];
  /**
   * `null` leaves the extension out.
   *
   * @defaultValue keyCertSign and cRLSign with the CA bit, otherwise digitalSignature (and keyEncipherment for `rsa`)
   */
  readonly keyUsages?: readonly KeyUsage[] | null;
  /** @defaultValue none */
  readonly nameConstraints?: NameConstraints;
  /** `'absent'` leaves basicConstraints out, whatever `ca` says. @defaultValue `'default'` */
  readonly basicConstraints?: 'default' | 'absent';
  /** Whether subject and authority key identifiers are written; an object forges them. @defaultValue `true` */
  readonly keyIdentifiers?: boolean | ForgedKeyIdentifiers;
  /** Written after the others. @defaultValue none */
  readonly extensions?: readonly RawExtension[];
  /** 1 writes a certificate that says nothing of its version, extensions or not. @defaultValue 3 */
  readonly version?: 1 | 3;
  /** Hash of the issuer's signature. @defaultValue SHA-256, for a P-384 issuer SHA-384 */
  readonly signatureHash?: SignatureHash;
  /** Hexadecimal, at most 20 octets. @defaultValue 16 random octets */
  readonly serialNumber?: string;
}
