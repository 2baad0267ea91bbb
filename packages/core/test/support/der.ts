/** One DER element; `tag` is the identifier octet. */
function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const octets =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...octets]), content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => element(0x30, ...parts);
/** Any parts under one tag. */
export const tagged = (tag: number, ...parts: readonly Uint8Array[]): Buffer => element(tag, ...parts);
export const hexElement = (tag: number, hex: string): Buffer => element(tag, Buffer.from(hex, 'hex'));
export const utcTime = (text: string): Buffer => element(0x17, Buffer.from(text));
export const generalizedTime = (text: string): Buffer => element(0x18, Buffer.from(text));

/** An extension: `oid` is the hexadecimal content of its OID. */
export function extension(oid: string, value: Uint8Array, critical?: boolean): Buffer {
  const flag = critical === undefined ? [] : [hexElement(0x01, critical ? 'ff' : '00')];
  return sequence(hexElement(0x06, oid), ...flag, element(0x04, value));
}

/** Fields of a certificate that says only what its layout needs; nobody has signed it. */
export interface CertificateParts {
  readonly notBefore?: Uint8Array;
  readonly notAfter?: Uint8Array;
  readonly issuer?: string;
  readonly subject?: string;
  readonly extensions?: readonly Uint8Array[];
  /** Whatever stands between the key and the extensions. */
  readonly rest?: readonly Uint8Array[];
}

export function unsignedCertificate(parts: CertificateParts = {}): Buffer {
  const {
    notBefore = utcTime('260101000000Z'),
    notAfter = generalizedTime('20991231235959Z'),
    issuer = 'aa',
    subject = 'bb',
    extensions,
    rest = [],
  } = parts;
  const algorithm = sequence(hexElement(0x06, '2a8648ce3d040302'));
  const tbs = sequence(
    element(0xa0, hexElement(0x02, '02')),
    hexElement(0x02, '01'),
    algorithm,
    sequence(hexElement(0x0c, issuer)),
    sequence(notBefore, notAfter),
    sequence(hexElement(0x0c, subject)),
    sequence(algorithm, hexElement(0x03, '00')),
    ...rest,
    ...(extensions === undefined ? [] : [element(0xa3, sequence(...extensions))]),
  );
  return sequence(tbs, algorithm, hexElement(0x03, '00'));
}
