import { generateKeyPairSync } from 'node:crypto';
import { createRootCa, EXTENDED_KEY_USAGES, type TestCertificate, TestKey } from '@pinvault/testing';
import { type Chain, daysAgo, host, peerOf, type Scenario, strangers, type World } from './world.js';

type CaOptions = NonNullable<Parameters<TestCertificate['issueCa']>[0]>;

/**
 * A CA of the attacker's under the pinned one, limited so that it may not do what it does; and a trusted root with the
 * same name and key, which may: OpenSSL takes that one, Node shows the other.
 */
async function hangUnder(world: World, limit: CaOptions, limitOfPinned: CaOptions = {}): Promise<Chain> {
  const { root, intermediate, above } = await peerOf(world, limitOfPinned);
  const sub = await above.issueCa({ subject: 'CN=Sub', key: await world.key('sub'), ...limit });
  const twin = await createRootCa({ subject: sub.subject, key: sub.key });
  const leaf = await twin.issue({ hosts: [host], key: await world.key('leaf') });
  return {
    sent: [leaf, sub, ...(world.pinned === 'root' ? [] : [intermediate])],
    trusted: [twin, root],
    pinned: above,
  };
}

const limitedSub = (name: string, limit: CaOptions, limitOfPinned: CaOptions = {}): Scenario => ({
  name,
  build: (world) => hangUnder(world, limit, limitOfPinned),
});

/** The limited CA is one further up: its own sub-CA is without fault. */
async function hangDeep(world: World, limit: CaOptions): Promise<Chain> {
  const { sent, trusted, pinned } = await hangUnder(world, limit);
  const [twin, root] = trusted as [TestCertificate, TestCertificate];
  const lower = await twin.issueCa({ subject: 'CN=Lower', key: await world.key('lower') });
  const leaf = await lower.issue({ hosts: [host], key: await world.key('leaf') });
  return { sent: [leaf, lower, ...sent.slice(1)], trusted: [twin, root], pinned };
}

/**
 * A trusted CA of the attacker's that bears the name of the pinned one, and its key identifiers where they are forged: a
 * root, or a CA that is trusted itself and stands under another root.
 */
async function namesake(world: World, isForged: boolean, isRoot = true): Promise<Chain> {
  const { root, above } = await peerOf(world);
  const { subject, keyIdentifier } = above;
  const forged = { subject: keyIdentifier, ...(isRoot && { authority: keyIdentifier }) };
  const options = {
    subject,
    key: await world.key('evil'),
    ...(isForged && { keyIdentifiers: forged }),
  };
  const other = await strangers(world);
  const evil = isRoot ? await createRootCa(options) : await other.root.issueCa(options);
  const leaf = await evil.issue({
    hosts: [host],
    key: await world.key('leaf'),
    ...(isForged ? {} : { keyIdentifiers: false }),
  });
  const trusted = isRoot ? [evil, root] : [evil, other.root, root];
  return { sent: [leaf, above], trusted, pinned: above };
}

/** An end-entity certificate of the pinned CA, used as an issuer. */
async function pivot(world: World, options: CaOptions): Promise<Chain> {
  const { root, intermediate, above } = await peerOf(world);
  const entity = await above.issue({
    subject: 'CN=Pivot',
    hosts: ['shop.example.test'],
    key: await world.key('sub'),
    ...options,
  });
  const twin = await createRootCa({ subject: entity.subject, key: entity.key });
  const leaf = await twin.issue({ hosts: [host], key: await world.key('leaf') });
  const sent = [leaf, entity, ...(world.pinned === 'root' ? [] : [intermediate])];
  return { sent, trusted: [twin, root], pinned: above };
}

const shortKey = TestKey.fromPem(
  'rsa',
  generateKeyPairSync('rsa', { modulusLength: 1_024 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString(),
);

const criticalExtension = {
  extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical: true, value: Buffer.from('0500', 'hex') }],
};
const twice = {
  extensions: [{ oid: '2.5.29.37', critical: false, value: Buffer.from('300a06082b06010505070304', 'hex') }],
  extendedKeyUsages: [EXTENDED_KEY_USAGES.serverAuth],
};

/**
 * Chains that this machine trusts and that do not lead to the pinned CA, though its key is among what Node shows
 * (`node-tls` §3.2, RFC 5280 §6.1).
 */
export const attacks: readonly Scenario[] = [
  {
    name: 'real CA certificates beside a chain that does not use them',
    isHidden: true,
    build: async (world) => {
      const { root, intermediate, above } = await peerOf(world);
      const evil = (await strangers(world)).root;
      const leaf = await evil.issue({ hosts: [host], key: await world.key('leaf') });
      return { sent: [leaf, intermediate, root], trusted: [evil, root], pinned: above };
    },
  },
  { name: 'a trusted root with the name of the pinned CA', build: (world) => namesake(world, false) },
  { name: 'a trusted root with its name and key identifiers', build: (world) => namesake(world, true) },
  {
    name: 'a trusted CA with the name of the pinned CA, under another root',
    build: (world) => namesake(world, false, false),
  },
  { name: 'a trusted CA with its name and key identifier', build: (world) => namesake(world, true, false) },
  {
    name: 'forty namesakes of the pinned CA',
    build: async (world) => {
      const { sent, trusted, pinned } = await namesake(world, false);
      const subject = pinned.subject;
      const namesakes = await Promise.all(
        Array.from({ length: 40 }, async () =>
          createRootCa({ subject, key: await world.key('namesake'), keyIdentifiers: false }),
        ),
      );
      const [leaf, ...rest] = sent as [TestCertificate];
      return { sent: [leaf, ...namesakes, ...rest], trusted, pinned };
    },
  },
  limitedSub('a sub-CA for other names', { nameConstraints: { permittedDns: ['elsewhere.test'] } }),
  limitedSub('a sub-CA that excludes the name', { nameConstraints: { excludedDns: [host] } }),
  limitedSub('a sub-CA for e-mail', { extendedKeyUsages: [EXTENDED_KEY_USAGES.emailProtection] }),
  limitedSub('a sub-CA for clients', { extendedKeyUsages: [EXTENDED_KEY_USAGES.clientAuth] }),
  {
    name: 'a CA under a sub-CA for e-mail',
    build: (world) => hangDeep(world, { extendedKeyUsages: [EXTENDED_KEY_USAGES.emailProtection] }),
  },
  {
    name: 'a CA under a sub-CA that may have none',
    build: (world) => hangDeep(world, { pathLength: 0 }),
  },
  {
    name: 'a CA under a sub-CA for other names',
    build: (world) => hangDeep(world, { nameConstraints: { permittedDns: ['elsewhere.test'] } }),
  },
  limitedSub('an expired sub-CA', { notBefore: daysAgo(365), notAfter: daysAgo(1) }),
  limitedSub('a sub-CA of tomorrow', { notBefore: daysAgo(-1) }),
  limitedSub('a sub-CA that the pinned CA may not have', {}, { pathLength: 0 }),
  limitedSub(
    'a sub-CA of a pinned CA for other names',
    {},
    { nameConstraints: { permittedDns: ['else.test'] } },
  ),
  limitedSub(
    'a sub-CA of a pinned CA for e-mail',
    {},
    { extendedKeyUsages: [EXTENDED_KEY_USAGES.emailProtection] },
  ),
  limitedSub('a sub-CA with a critical extension that nobody knows', criticalExtension),
  limitedSub('a sub-CA without basicConstraints', { basicConstraints: 'absent' }),
  limitedSub('a sub-CA of version 1', { version: 1 }),
  { ...limitedSub('a sub-CA that may not sign', { keyUsages: ['digitalSignature'] }), isHidden: true },
  { ...limitedSub('a sub-CA with two extended key usages', twice), isHidden: true },
  { name: 'an end-entity certificate as a CA', build: (world) => pivot(world, { keyUsages: null }) },
  {
    name: 'an end-entity certificate that may sign as a CA',
    build: (world) => pivot(world, { keyUsages: ['digitalSignature', 'keyCertSign'] }),
  },
  {
    name: 'a sub-CA with a SHA-1 signature',
    build: async (world) => {
      if (world.keyType === 'ed25519') return undefined;
      return { ...(await hangUnder(world, { signatureHash: 'SHA-1' })), isWeak: true };
    },
  },
  {
    name: 'a sub-CA with an MD5 signature',
    build: async (world) => {
      if (world.keyType !== 'rsa') return undefined;
      return { ...(await hangUnder(world, { signatureHash: 'MD5' })), isWeak: true };
    },
  },
  {
    name: 'a sub-CA with an RSA key of 1,024 bits',
    build: async (world) => ({ ...(await hangUnder(world, { key: shortKey })), isWeak: true }),
  },
];
