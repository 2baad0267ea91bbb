/** Where a certificate stands: by its place on the path, or in a file by what it says of itself. */
export type CertificateRole = 'leaf' | 'CA' | 'root';

/** A certificate, for people. */
export interface CertificateEntry {
  readonly kind: 'certificate';
  readonly role: CertificateRole;
  /** It may issue certificates; a leaf may too. */
  readonly isCa: boolean;
  /** `sha256/<base64>`. */
  readonly pin: string;
  /** Safe to print. */
  readonly subject: string;
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A bare key, for people. */
export interface KeyEntry {
  readonly kind: 'public key' | 'private key';
  readonly pin: string;
  /** Such as `EC P-256`. */
  readonly algorithm: string;
}

export type Entry = CertificateEntry | KeyEntry;

/** A host that was connected to and verified. */
export interface HostSource {
  readonly kind: 'host';
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
  /** Why the verified path ends before the last certificate that was shown. */
  readonly endsBecause: string | undefined;
}

/** A file: nothing about it was verified. */
export interface FileSource {
  readonly kind: 'file';
  readonly path: string;
}

/** Everything that is printed. */
export interface PinReport {
  readonly source: HostSource | FileSource;
  /** The key of the row; `<host>` where a file does not tell. */
  readonly rowKey: string;
  /** The first one's pin stands in the row. */
  readonly entries: readonly [Entry, ...Entry[]];
}

/** What stands for a host that is not known. No document takes it for one. */
export const unknownHost = '<host>';

/** One line of a document, without the comma. */
export function row(key: string, value: string): string {
  return `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
}
