import { isIP, isIPv6 } from 'node:net';
import * as der from './der.js';
import type { KeyUsage, NameConstraints, RawExtension } from './options.js';

const keyUsageBits: Readonly<Record<KeyUsage, number>> = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
};

/** Encodes one Extension; a false `critical` is a default and stays out. */
export function encodeExtension(extension: RawExtension): Buffer {
  return der.sequence(
    der.objectIdentifier(extension.oid),
    ...(extension.critical ? [der.boolean(true)] : []),
    der.octetString(extension.value),
  );
}

/** basicConstraints, critical. */
export function basicConstraints(ca: boolean, pathLength: number | undefined): RawExtension {
  const limit = pathLength === undefined ? [] : [der.smallInteger(pathLength)];
  return {
    oid: '2.5.29.19',
    critical: true,
    value: der.sequence(...(ca ? [der.boolean(true)] : []), ...limit),
  };
}

/** keyUsage, critical. */
export function keyUsage(usages: readonly KeyUsage[]): RawExtension {
  return {
    oid: '2.5.29.15',
    critical: true,
    value: der.namedBits(usages.map((usage) => keyUsageBits[usage])),
  };
}

/** extKeyUsage. */
export function extendedKeyUsage(oids: readonly string[]): RawExtension {
  return { oid: '2.5.29.37', critical: false, value: der.sequence(...oids.map(der.objectIdentifier)) };
}

/** subjectKeyIdentifier. */
export function subjectKeyIdentifier(identifier: Uint8Array): RawExtension {
  return { oid: '2.5.29.14', critical: false, value: der.octetString(identifier) };
}

/** authorityKeyIdentifier with nothing but the key identifier. */
export function authorityKeyIdentifier(identifier: Uint8Array): RawExtension {
  return { oid: '2.5.29.35', critical: false, value: der.sequence(der.primitiveTag(0, identifier)) };
}

/** subjectAltName. */
export function subjectAlternativeName(hosts: readonly string[]): RawExtension {
  const names = hosts.map((host) =>
    isIP(host) === 0 ? dnsName(host) : der.primitiveTag(7, addressOctets(host)),
  );
  return { oid: '2.5.29.17', critical: false, value: der.sequence(...names) };
}

/** nameConstraints, critical. */
export function nameConstraints(constraints: NameConstraints): RawExtension {
  const subtrees = (tag: number, names: readonly string[] = []): Buffer[] =>
    names.length === 0 ? [] : [der.constructedTag(tag, ...names.map((name) => der.sequence(dnsName(name))))];
  return {
    oid: '2.5.29.30',
    critical: true,
    value: der.sequence(...subtrees(0, constraints.permittedDns), ...subtrees(1, constraints.excludedDns)),
  };
}

function dnsName(name: string): Buffer {
  return der.primitiveTag(2, Buffer.from(name, 'latin1'));
}

function addressOctets(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  // The URL parser rewrites an embedded IPv4 tail as two groups, which leaves only `::` to expand.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  const groups = [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
