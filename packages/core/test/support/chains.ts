// First: where toLegacyObject() below is what loads Node's TLS, `createSecureContext` is missing from node:tls for good (Node 20
// to 26), and whatever else runs in this process cannot open a TLS connection.
// oxlint-disable-next-line import/no-unassigned-import -- to be loaded is all that it is for
import 'node:tls';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Pin } from '#src/pin/pin.js';
import type { NodeCertificate } from '#src/verify/certificate.js';
import { Evidence } from '#src/verify/evidence.js';

interface ChainFixtures {
  readonly host: string;
  readonly certificates: Readonly<Record<string, string>>;
  readonly chains: Readonly<
    Record<string, { readonly shown: readonly string[]; readonly authorized: boolean }>
  >;
}

// Certificates that tools/mint-core-chains.mjs and mint-core-paths.mjs minted once; the core's tests may not import
// @pinvault/testing.
const [recorded, made] = ['chains', 'paths'].map(
  (name) =>
    JSON.parse(
      readFileSync(new URL(`../../test/fixtures/${name}.json`, import.meta.url), 'utf8'),
    ) as ChainFixtures,
) as [ChainFixtures, ChainFixtures];
const fixtures: ChainFixtures = {
  host: recorded.host,
  certificates: { ...recorded.certificates, ...made.certificates },
  chains: { ...recorded.chains, ...made.chains },
};

/** The host that every leaf of the fixtures is for. */
export const host: string = fixtures.host;

/** Within the dates of every certificate that is not about dates: 2027-03-01. */
export const testTime: number = Date.UTC(2027, 2, 1);

/** Names of the recorded chains. */
export const chainNames: readonly string[] = Object.keys(fixtures.chains);

/** Names of the recorded certificates. */
export const certificateNames: readonly string[] = Object.keys(fixtures.certificates);

export function derOf(name: string): Buffer {
  const encoded = fixtures.certificates[name];
  if (encoded === undefined) throw new RangeError(`no certificate "${name}" in the fixtures`);
  return Buffer.from(encoded, 'base64');
}

/** `sha256/<base64>` by Node's own reading of the certificate, not by ours. */
export function pinOf(name: string): string {
  return Pin.parse(`spki-sha256:${spkiHexByNode(derOf(name))}`).toString();
}

function spkiHexByNode(der: Uint8Array): string {
  const spki = new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex');
}

/** Lower-case hexadecimal, by Node's own reading. */
export function fingerprintOf(name: string): string {
  return new X509Certificate(derOf(name)).fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The certificates of a recorded chain, by name, leaf first. */
export function shownIn(chain: string): readonly string[] {
  const shown = fixtures.chains[chain]?.shown;
  if (shown === undefined) throw new RangeError(`no chain "${chain}" in the fixtures`);
  return shown;
}

/** Node's detailed peer certificate for these DERs, leaf first; the last one refers to itself as Node's does. */
export function nodeCertificate(ders: readonly Uint8Array[]): NodeCertificate {
  const [last, ...rest] = ders.map(legacyObject).toReversed();
  if (last === undefined) throw new RangeError('no certificate');
  last.issuerCertificate = last;
  let below = last;
  for (const certificate of rest) {
    certificate.issuerCertificate = below;
    below = certificate;
  }
  return below;
}

/** What Node shows for a recorded chain. */
export function peerCertificate(chain: string): NodeCertificate {
  return nodeCertificate(shownIn(chain).map(derOf));
}

/** Node's detailed peer certificate for one certificate of the fixtures alone. */
export function lonePeer(name: string): NodeCertificate {
  return nodeCertificate([derOf(name)]);
}

export function evidenceOf(chain: string, port?: number): Evidence {
  return new Evidence(host, port, peerCertificate(chain));
}

function legacyObject(der: Uint8Array): { raw: Uint8Array; issuerCertificate?: NodeCertificate } {
  try {
    return { ...new X509Certificate(der).toLegacyObject(), raw: der };
  } catch {
    // Not a certificate: what a test puts into a chain on purpose.
    return { raw: der };
  }
}
