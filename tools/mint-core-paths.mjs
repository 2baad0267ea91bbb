// Writes packages/core/test/fixtures/paths.json: issuers that must not count, each between a sound leaf and a sound root
// and wrong in one thing only, and shapes of chains that a search has to find or to give up. Minted with
// @pinvault/testing, which the core's own tests may not import; tools/mint-core-chains.mjs mints what Node shows.
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRootCa, EXTENDED_KEY_USAGES, TestKey } from '../packages/testing/dist/index.js';
import { root as folder } from './paths.mjs';

const host = 'api.example.test';
const dates = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2099-12-31T23:59:59Z') };
const certificates = {};
const chains = {};

function keep(name, certificate) {
  certificates[name] = certificate.der.toString('base64');
  return certificate;
}
const rootCa = async (name, options = {}) =>
  keep(name, await createRootCa({ ...dates, subject: name, ...options }));
const ca = async (issuer, name, options = {}) =>
  keep(name, await issuer.issueCa({ ...dates, subject: name, ...options }));
const leaf = async (issuer, name, options = {}) =>
  keep(name, await issuer.issue({ ...dates, subject: name, hosts: [host], ...options }));
const chain = (name, shown) => (chains[name] = { shown, authorized: false });
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const raw = (oid, value, critical = false) => ({ oid, critical, value: hex(value) });
const pem = (type, options) =>
  generateKeyPairSync(type, options).privateKey.export({ type: 'pkcs8', format: 'pem' });

// --- one issuer, one fault
const root = await rootCa('path root');
const key = await TestKey.create();
const subject = 'path issuer';
const basicConstraints = '2.5.29.19';
const isCa = '3003 0101ff';
const own = (...extensions) => ({ basicConstraints: 'absent', extensions });
const issuers = {
  'of version 1': { version: 1 },
  'without basicConstraints': { basicConstraints: 'absent' },
  'that may not sign': { keyUsages: ['digitalSignature', 'cRLSign'] },
  'with two basicConstraints': { extensions: [raw(basicConstraints, isCa, true)] },
  'with two purposes, each in its own extension': {
    extendedKeyUsages: [EXTENDED_KEY_USAGES.serverAuth],
    extensions: [raw('2.5.29.37', '300a 0608 2b06010505070304')],
  },
  'with a critical issuerAltName': { extensions: [raw('2.5.29.18', '3003 8201 61', true)] },
  'with bytes behind its basicConstraints': own(raw(basicConstraints, `${isCa} 0500`, true)),
  'with a sloppy CA bit': own(raw(basicConstraints, '3003 010101', true)),
  'with a negative path length': own(raw(basicConstraints, '3006 0101ff 0201ff', true)),
  'with a path length and no CA bit': own(raw(basicConstraints, '3003 020105', true)),
  'with a malformed key identifier': { keyIdentifiers: false, extensions: [raw('2.5.29.14', '0500')] },
  'that is a proxy': { extensions: [raw('1.3.6.1.5.5.7.1.14', '300c 300a 0608 2b06010505071501')] },
  'with name constraints that are kept': { nameConstraints: { permittedDns: ['example.test'] } },
};
await leaf(await root.issueCa({ ...dates, subject, key }), 'path leaf');
for (const [what, options] of Object.entries(issuers)) {
  keep(`issuer ${what}`, await root.issueCa({ ...dates, subject, key, ...options }));
  chain(`issuer ${what}`, ['path leaf', `issuer ${what}`, 'path root']);
}

// --- keys and signatures
const rsaRoot = await rootCa('RSA root', { keyType: 'rsa' });
const pssRoot = await rootCa('PSS root', { keyType: 'rsa-pss' });
const weak = {
  'short RSA key': [root, { key: TestKey.fromPem('rsa', pem('rsa', { modulusLength: 1024 })) }],
  'curve spelled out': [
    root,
    { key: TestKey.fromPem('ec', pem('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' })) },
  ],
  'signed with MD5': [rsaRoot, { signatureHash: 'MD5' }],
  'signed with SHA-1 and RSA': [rsaRoot, { signatureHash: 'SHA-1' }],
  'signed with SHA-1 and PSS': [pssRoot, { signatureHash: 'SHA-1' }],
  'signed with SHA-256 and PSS': [pssRoot, {}],
};
for (const [name, [issuer, options]] of Object.entries(weak)) {
  const between = await ca(issuer, `CA ${name}`, options);
  await leaf(between, `leaf of CA ${name}`);
  chain(name, [`leaf of CA ${name}`, `CA ${name}`, issuer.subject.replace('CN=', '')]);
}
// The signature of a root by itself proves nothing and is not looked at.
const md5Root = await rootCa('root signed with MD5', { keyType: 'rsa', signatureHash: 'MD5' });
await leaf(md5Root, 'leaf of the root signed with MD5');
chain('root signed with MD5', ['leaf of the root signed with MD5', 'root signed with MD5']);

// --- more than one certificate of the name
const bare = { keyIdentifiers: false };
const oldRoot = await createRootCa({ ...dates, subject: 'renewed root', ...bare });
keep('old root', oldRoot);
const newRoot = keep('new root', await createRootCa({ ...dates, subject: 'renewed root', ...bare }));
const renewed = await ca(newRoot, 'CA of the new root', bare);
await leaf(renewed, 'leaf of the new root', bare);
chain('old root before the new one', ['leaf of the new root', 'CA of the new root', 'old root', 'new root']);
chain('old root alone', ['leaf of the new root', 'CA of the new root', 'old root']);

// --- two CAs that sign each other
const first = await createRootCa({ ...dates, subject: 'loop A', ...bare });
const second = await createRootCa({ ...dates, subject: 'loop B', ...bare });
await ca(second, 'loop A', { key: first.key, ...bare });
await ca(first, 'loop B', { key: second.key, ...bare });
await leaf(first, 'leaf of the loop', bare);
chain('loop', ['leaf of the loop', 'loop A', 'loop B']);

// --- a CA that issued another certificate to its own name
const narrow = await rootCa('narrow root', { pathLength: 0 });
const selfIssued = keep('self-issued CA', await narrow.issueCa({ ...dates, subject: narrow.subject }));
await leaf(selfIssued, 'leaf of the self-issued CA');
chain('self-issued CA', ['leaf of the self-issued CA', 'self-issued CA', 'narrow root']);

const file = join(folder, 'packages/core/test/fixtures/paths.json');
const about =
  'Written by tools/mint-core-paths.mjs. DER as base64; `shown` names certificates as Node would show them, leaf first.';
await writeFile(file, `${JSON.stringify({ about, host, certificates, chains }, null, 2)}\n`);
