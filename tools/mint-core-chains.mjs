// Writes packages/core/test/fixtures/chains.json: the chains of test/vectors/chain-cases.json and some more, minted with
// @pinvault/testing, which the core's own tests may not import. `shown` is what Node 20 really showed in a handshake
// (getPeerCertificate) that it had authorised; where Node refuses such a chain itself, the order is the one presented.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import {
  chainPem,
  createRootCa,
  createSelfSigned,
  EXTENDED_KEY_USAGES,
  loopbackLookup,
  startTlsServer,
  TestKey,
} from '../packages/testing/dist/index.js';
import { root } from './paths.mjs';

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

const nameOf = (der) => {
  const encoded = Buffer.from(der).toString('base64');
  return Object.keys(certificates).find((name) => certificates[name] === encoded);
};

/** A handshake under Node's own verification; the chain is `undefined` where Node refuses it. */
async function shownByNode(presented, trusted) {
  const server = await startTlsServer({ chain: presented });
  try {
    return await new Promise((resolve) => {
      const options = {
        host,
        servername: host,
        port: server.port,
        lookup: loopbackLookup,
        ca: chainPem(...trusted),
      };
      const socket = connect(options, () => {
        const shown = [];
        let current = socket.getPeerCertificate(true);
        for (let below; current !== undefined && current !== below; current = current.issuerCertificate) {
          shown.push(nameOf(current.raw));
          below = current;
        }
        socket.destroy();
        resolve({ shown });
      });
      socket.on('error', (error) => resolve({ nodeCode: error.code }));
    });
  } finally {
    await server.close();
  }
}

async function record(name, presented, trusted) {
  const { shown, nodeCode } = await shownByNode(presented, trusted);
  const names = presented.map(({ der }) => nameOf(der));
  chains[name] = {
    presented: names,
    shown: shown ?? names,
    authorized: shown !== undefined,
    ...(nodeCode && { nodeCode }),
  };
}

/** A path that a check has to judge without Node's help. */
function straight(name, shown) {
  chains[name] = { presented: shown, shown, authorized: false };
}

const permutations = (list) =>
  list.length < 2
    ? [list]
    : list.flatMap((each, index) => permutations(list.toSpliced(index, 1)).map((rest) => [each, ...rest]));

// --- the plain chain
const plainRoot = await rootCa('root');
const intermediate = await ca(plainRoot, 'intermediate');
const plainLeaf = await leaf(intermediate, 'leaf');
const unrelated = keep('unrelated', await createSelfSigned({ ...dates, subject: 'unrelated' }));
await record('without root', [plainLeaf, intermediate], [plainRoot]);
await record('with root', [plainLeaf, intermediate, plainRoot], [plainRoot]);
await record('unrelated between', [plainLeaf, unrelated, intermediate, plainRoot], [plainRoot]);

// --- unrelatedPinnedLeafCertificateInChain
const compromised = await ca(plainRoot, 'compromised intermediate');
const rogueLeaf = await leaf(compromised, 'rogue leaf');
for (const [index, additions] of permutations([compromised, plainLeaf]).entries())
  await record(`pinned leaf added ${index + 1}`, [rogueLeaf, ...additions], [plainRoot]);

// --- unrelatedPinnedIntermediateCertificateInChain
const badRoot = await rootCa('compromised root');
for (const [suffix, keyIdentifiers] of [
  ['', true],
  [' without key identifiers', false],
]) {
  const twin = keep(
    `same name intermediate${suffix}`,
    await badRoot.issueCa({ ...dates, subject: 'intermediate', keyIdentifiers }),
  );
  const rogue = await leaf(twin, `rogue leaf of same name${suffix}`, { keyIdentifiers });
  for (const [index, additions] of permutations([twin, intermediate]).entries())
    await record(
      `pinned intermediate added${suffix} ${index + 1}`,
      [rogue, ...additions],
      [plainRoot, badRoot],
    );
}

// --- signersMustHaveCaBitSet
const attackerRoot = await rootCa('attacker root');
const attackerCa = await ca(attackerRoot, 'attacker intermediate');
const pinnedRoot = keep('pinned root', await attackerCa.issueCa({ ...dates, subject: 'pinned root' }));
const pinnedRootSelf = keep(
  'pinned root, self-signed',
  await createRootCa({ ...dates, subject: 'pinned root', key: pinnedRoot.key }),
);
const pinnedCa = await ca(pinnedRoot, 'pinned intermediate');
const endEntity = keep(
  'end entity as issuer',
  await pinnedCa.issue({
    ...dates,
    subject: 'attacker intermediate',
    key: attackerCa.key,
    hosts: ['attacker.test'],
  }),
);
const pivotLeaf = await leaf(endEntity, 'leaf by an end entity');
for (const [index, rest] of permutations([endEntity, pinnedCa, pinnedRoot, attackerCa]).entries())
  await record(`no CA bit ${index + 1}`, [pivotLeaf, ...rest], [pinnedRootSelf, attackerRoot]);
// what the walk alone has to refuse
straight('no CA bit, straight', [
  'leaf by an end entity',
  'end entity as issuer',
  'pinned intermediate',
  'pinned root',
]);

// --- intermediateMustNotHaveMoreIntermediatesThanSigner
const roomyRoot = keep(
  'pinned root with path length 1',
  await attackerRoot.issueCa({ ...dates, subject: 'pinned root with path length 1', pathLength: 1 }),
);
const roomySelf = keep(
  'pinned root with path length 1, self-signed',
  await createRootCa({
    ...dates,
    subject: 'pinned root with path length 1',
    key: roomyRoot.key,
    pathLength: 1,
  }),
);
const cramped = await ca(roomyRoot, 'intermediate with path length 0', { pathLength: 0 });
const extraCa = keep(
  'CA too many',
  await cramped.issueCa({ ...dates, subject: 'CA too many', key: attackerRoot.key }),
);
const crampedLeaf = await leaf(extraCa, 'leaf below a CA too many');
await record('path length exceeded', [crampedLeaf, extraCa, cramped, roomyRoot], [roomySelf, attackerRoot]);
const fittingLeaf = await leaf(cramped, 'leaf within the path length');
await record('path length kept', [fittingLeaf, cramped, roomyRoot], [roomySelf]);

// --- lone certificate
const lone = keep('lone', await createSelfSigned({ ...dates, subject: 'lone', hosts: [host] }));
await record('lone', [lone], [lone]);
await record('lone and unknown', [lone], [plainRoot]);

// --- orders
const upper = await ca(plainRoot, 'upper intermediate');
const lower = await ca(upper, 'lower intermediate');
const lowLeaf = await leaf(lower, 'leaf of the lower intermediate');
await record('unordered with root', [lowLeaf, upper, plainRoot, lower], [plainRoot]);
await record('unordered without root', [lowLeaf, upper, lower], [plainRoot]);
await record('ordered, deep', [lowLeaf, lower, upper, plainRoot], [plainRoot]);

// --- trusted CAs on the way
for (const [index, presented] of [
  [lowLeaf, lower],
  [lowLeaf, lower, upper],
  [lowLeaf, lower, upper, plainRoot],
].entries())
  await record(`all the way to the root ${index + 1}`, presented, [plainRoot, upper]);
straight('trusted but not self-signed', [
  'leaf of the lower intermediate',
  'lower intermediate',
  'upper intermediate',
]);

// --- lengths
const tower = [await rootCa('tower 0')];
for (let level = 1; level <= 9; level += 1) tower.push(await ca(tower.at(-1), `tower ${level}`));
const tenLeaf = await leaf(tower[8], 'leaf of ten');
const elevenLeaf = await leaf(tower[9], 'leaf of eleven');
const down = (top) => tower.slice(0, top + 1).toReversed();
await record('ten certificates', [tenLeaf, ...down(8)], [tower[0]]);
await record('ten certificates, without root', [tenLeaf, ...down(8).slice(0, -1)], [tower[0]]);
await record('eleven certificates', [elevenLeaf, ...down(9)], [tower[0]]);

// --- issuers that do not count. Each twin has the name and the key of a CA that another root vouches for.
const otherRoot = await rootCa('other root');
const shared = await TestKey.create();
const honest = keep('honest CA', await otherRoot.issueCa({ ...dates, subject: 'shared CA', key: shared }));
await leaf(honest, 'leaf of the shared CA');
const twins = {
  'expired issuer': { notAfter: new Date('2026-06-30T23:59:59Z') },
  'issuer not valid yet': { notBefore: new Date('2098-01-01T00:00:00Z') },
  'issuer for mail only': { extendedKeyUsages: [EXTENDED_KEY_USAGES.emailProtection] },
  'issuer for any purpose': { extendedKeyUsages: [EXTENDED_KEY_USAGES.any] },
  'issuer for servers': { extendedKeyUsages: [EXTENDED_KEY_USAGES.serverAuth] },
  'issuer with name constraints': { nameConstraints: { permittedDns: ['other.test'] } },
  'issuer with an unknown critical extension': {
    extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical: true, value: Buffer.from('0500', 'hex') }],
  },
  'issuer with an unknown extension': {
    extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical: false, value: Buffer.from('0500', 'hex') }],
  },
  'issuer signed with SHA-1': { signatureHash: 'SHA-1' },
};
for (const [name, options] of Object.entries(twins)) {
  keep(name, await plainRoot.issueCa({ ...dates, subject: 'shared CA', key: shared, ...options }));
  straight(name, ['leaf of the shared CA', name, 'root']);
}
// With equal key identifiers only the signature tells two CAs of one name apart.
keep(
  'root of the same name',
  await createRootCa({
    ...dates,
    subject: 'root',
    keyIdentifiers: { subject: plainRoot.keyIdentifier, authority: plainRoot.keyIdentifier },
  }),
);
straight('root of the same name', ['leaf', 'intermediate', 'root of the same name']);
straight('issuer of another name', ['leaf', 'upper intermediate', 'root']);

// --- kinds of key
for (const keyType of ['ec', 'ec384', 'rsa', 'rsa-pss', 'ed25519'])
  keep(
    `key ${keyType}`,
    await createSelfSigned({ ...dates, subject: `key ${keyType}`, hosts: [host], keyType }),
  );
keep('empty path', await createRootCa({ ...dates, subject: 'empty path', pathLength: 0 }));
keep(
  'control characters',
  await createSelfSigned({
    ...dates,
    subject: `CN=line\u001b[2J\u202ebreak ${'x'.repeat(300)}`,
    hosts: [host],
  }),
);

keep('empty subject', await createSelfSigned({ ...dates, subject: '', hosts: [host] }));

const file = join(root, 'packages/core/test/fixtures/chains.json');
const about =
  'Written by tools/mint-core-chains.mjs. DER as base64; `shown` names the certificates that Node shows, leaf first.';
await writeFile(file, `${JSON.stringify({ about, host, certificates, chains }, null, 2)}\n`);
