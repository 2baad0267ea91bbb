import { createRootCa, EXTENDED_KEY_USAGES } from '@pinvault/testing';
import { daysAgo, host, peerOf, type Scenario, strangers } from './world.js';

/** Servers that must be served: a path to the pinned CA exists, and Node shows it. */
export const legitimate: readonly Scenario[] = [
  {
    name: 'root not sent',
    build: async (world) => {
      const { root, intermediate, leaf, above } = await peerOf(world);
      return { sent: [leaf, intermediate], trusted: [root], pinned: above };
    },
  },
  {
    name: 'root sent',
    build: async (world) => {
      const { root, intermediate, leaf, above } = await peerOf(world);
      return { sent: [leaf, intermediate, root], trusted: [root], pinned: above };
    },
  },
  {
    name: 'junk appended',
    build: async (world) => {
      const { root, intermediate, leaf, above } = await peerOf(world);
      const { ca } = await strangers(world);
      return { sent: [leaf, intermediate, ca], trusted: [root], pinned: above };
    },
  },
  {
    name: 'junk between',
    build: async (world) => {
      const { root, intermediate, leaf, above } = await peerOf(world);
      const { ca } = await strangers(world);
      return { sent: [leaf, ca, intermediate], trusted: [root], pinned: above };
    },
  },
  {
    name: 'every certificate twice',
    build: async (world) => {
      const { root, intermediate, leaf, above } = await peerOf(world);
      return { sent: [leaf, leaf, intermediate, intermediate, root, root], trusted: [root], pinned: above };
    },
  },
  {
    name: 'intermediate not sent, but in the store',
    build: async (world) => {
      const { root, intermediate, leaf, above } = await peerOf(world);
      return { sent: [leaf], trusted: [root, intermediate], pinned: above };
    },
  },
  {
    name: 'the wrong order, junk at the end',
    build: async (world) => {
      const { root, intermediate, leaf: _, above } = await peerOf(world);
      const lower = await intermediate.issueCa({ subject: 'CN=Lower', key: await world.key('lower') });
      const leaf = await lower.issue({ hosts: [host], key: await world.key('leaf') });
      const { ca } = await strangers(world);
      return { sent: [leaf, root, intermediate, lower, ca], trusted: [root], pinned: above };
    },
  },
  {
    name: 'cross-signed: the pinned key under another root',
    build: async (world) => {
      const { intermediate, leaf, above } = await peerOf(world);
      const other = (await strangers(world)).root;
      const cross = await other.issueCa({ subject: above.subject, key: above.key });
      const sent = world.pinned === 'root' ? [leaf, intermediate, cross] : [leaf, cross];
      return { sent, trusted: [other], pinned: above };
    },
  },
  {
    name: 'cross-signed: both certificates of the key, the other root not trusted',
    build: async (world) => {
      const { root, intermediate, leaf, above } = await peerOf(world);
      const other = (await strangers(world)).root;
      const cross = await other.issueCa({ subject: above.subject, key: above.key });
      const sent = world.pinned === 'root' ? [leaf, intermediate, cross] : [leaf, intermediate, cross];
      return { sent, trusted: [root], pinned: above };
    },
  },
  {
    name: 'a renewed root behind the old one of the same name',
    build: async (world) => {
      const options = { subject: 'CN=Renewed Root', keyIdentifiers: false };
      const old = await createRootCa({ ...options, key: await world.key('old root') });
      const root = await createRootCa({ ...options, key: await world.key('root') });
      const intermediate = await root.issueCa({
        key: await world.key('intermediate'),
        keyIdentifiers: false,
      });
      const leaf = await intermediate.issue({ hosts: [host], key: await world.key('leaf') });
      const pinned = world.pinned === 'root' ? root : intermediate;
      return { sent: [leaf, intermediate, old, root], trusted: [root], pinned };
    },
  },
  {
    name: 'two intermediates, path lengths as they should be',
    build: async (world) => {
      const { root, intermediate, above } = await peerOf(world, {
        pathLength: world.pinned === 'root' ? 2 : 1,
      });
      const lower = await intermediate.issueCa({
        subject: 'CN=Lower',
        key: await world.key('lower'),
        pathLength: 0,
      });
      const leaf = await lower.issue({ hosts: [host], key: await world.key('leaf') });
      return { sent: [leaf, lower, intermediate], trusted: [root], pinned: above };
    },
  },
  {
    name: 'name constraints in the pinned CA, kept',
    build: async (world) => {
      const nameConstraints = { permittedDns: ['example.test'], excludedDns: ['bad.example.test'] };
      const { root, intermediate, leaf, above } = await peerOf(world, { nameConstraints });
      return { sent: [leaf, intermediate], trusted: [root], pinned: above };
    },
  },
  {
    name: 'CAs for TLS servers only',
    build: async (world) => {
      const extendedKeyUsages = [EXTENDED_KEY_USAGES.clientAuth, EXTENDED_KEY_USAGES.serverAuth];
      const { root, intermediate, leaf, above } = await peerOf(world, { extendedKeyUsages });
      return { sent: [leaf, intermediate], trusted: [root], pinned: above };
    },
  },
];

/**
 * Refused although legitimate, with `ERR_PIN_CHAIN_UNVERIFIED`: what Node shows does not prove a path, or only by rules that
 * this check does not have. The list is the one of docs/decisions/2026-11-24-verified-path.md.
 */
export const price: readonly Scenario[] = [
  {
    name: 'an expired twin of the intermediate is sent first',
    build: async (world) => {
      const { root, intermediate, leaf, above } = await peerOf(world);
      const { subject, key } = intermediate;
      const dates = { notBefore: daysAgo(365), notAfter: daysAgo(1) };
      const expired = await root.issueCa({ subject, key, ...dates });
      return { sent: [leaf, expired, intermediate], trusted: [root], pinned: above };
    },
  },
  {
    name: 'an issuer is sent before what it signed, and nothing behind',
    build: async (world) => {
      const { root, intermediate, above } = await peerOf(world);
      const lower = await intermediate.issueCa({ subject: 'CN=Lower', key: await world.key('lower') });
      const leaf = await lower.issue({ hosts: [host], key: await world.key('leaf') });
      return { sent: [leaf, intermediate, lower], trusted: [root], pinned: above };
    },
    isHidden: true,
  },
  {
    name: 'a CA that issued another certificate to its own name, where its path length is 0',
    build: async (world) => {
      const { root, intermediate, above } = await peerOf(world, { pathLength: 0 });
      if (world.pinned === 'root') return undefined;
      const again = await intermediate.issueCa({ subject: above.subject, key: await world.key('again') });
      const leaf = await again.issue({ hosts: [host], key: await world.key('leaf') });
      return { sent: [leaf, again, intermediate], trusted: [root], pinned: above };
    },
  },
  {
    name: 'a CA below the pinned one carries name constraints',
    build: async (world) => {
      const { root, intermediate, above } = await peerOf(world);
      const limited = await above.issueCa({
        subject: 'CN=Limited',
        key: await world.key('sub'),
        nameConstraints: { permittedDns: ['example.test'] },
      });
      const leaf = await limited.issue({ hosts: [host], key: await world.key('leaf') });
      const sent = [leaf, limited, ...(world.pinned === 'root' ? [] : [intermediate])];
      return { sent, trusted: [root], pinned: above };
    },
  },
  {
    name: 'a root of version 1',
    build: async (world) => {
      if (world.pinned !== 'root') return undefined;
      const bare = { keyUsages: null, keyIdentifiers: false } as const;
      const { root, intermediate, leaf } = await peerOf(world, {
        version: 1,
        basicConstraints: 'absent',
        ...bare,
      });
      return { sent: [leaf, intermediate], trusted: [root], pinned: root };
    },
  },
];
