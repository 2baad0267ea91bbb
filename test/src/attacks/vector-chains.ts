import { createRootCa, createSelfSigned, type TestCertificate } from '@pinvault/testing';
import { type Chain, host, type World, worldOf } from './world.js';

/** The chains of one case of test/vectors/chain-cases.json, as its words say. */
type Build = () => Promise<readonly Chain[]>;

// Kinds of key make no difference here; the attacks are tried with each.
const world: World = worldOf('ec', 'root');

const rootCa = async (subject: string, options: object = {}): Promise<TestCertificate> =>
  createRootCa({ subject, key: await world.key(subject), ...options });
const ca = async (issuer: TestCertificate, subject: string, options: object = {}): Promise<TestCertificate> =>
  issuer.issueCa({ subject, key: await world.key(subject), ...options });
const leafOf = async (issuer: TestCertificate, options: object = {}): Promise<TestCertificate> =>
  issuer.issue({ hosts: [host], key: await world.key('leaf'), ...options });

function permutations<T>(list: readonly T[]): readonly (readonly T[])[] {
  if (list.length < 2) return [list];
  return list.flatMap((each, index) => permutations(list.toSpliced(index, 1)).map((rest) => [each, ...rest]));
}

async function plain(): Promise<Record<'root' | 'intermediate' | 'leaf', TestCertificate>> {
  const root = await rootCa('Root');
  const intermediate = await ca(root, 'Intermediate');
  return { root, intermediate, leaf: await leafOf(intermediate) };
}

async function deep(): Promise<Record<'root' | 'upper' | 'lower' | 'leaf', TestCertificate>> {
  const root = await rootCa('Root');
  const upper = await ca(root, 'Upper');
  const lower = await ca(upper, 'Lower');
  return { root, upper, lower, leaf: await leafOf(lower) };
}

/** A chain of so many certificates, leaf first, root last. */
async function tower(height: number): Promise<readonly [TestCertificate, ...TestCertificate[]]> {
  let top = await rootCa('Tower 0');
  const below: TestCertificate[] = [top];
  for (let level = 1; level < height - 1; level += 1) {
    top = await ca(top, `Tower ${level}`);
    below.unshift(top);
  }
  return [await leafOf(top), ...below];
}

async function lone(trusted?: TestCertificate): Promise<readonly Chain[]> {
  const leaf = await createSelfSigned({ subject: 'Lone', hosts: [host] });
  return [{ sent: [leaf], trusted: [trusted ?? leaf], pinned: leaf, role: 'leaf', matches: 0 }];
}

export const vectorChains: Readonly<Record<string, Build>> = {
  pinRootNotPresentInChain: async () => {
    const { root, intermediate, leaf } = await plain();
    return [{ sent: [leaf, intermediate], trusted: [root], pinned: root, matches: 2 }];
  },
  pinIntermediatePresentInChain: async () => {
    const { root, intermediate, leaf } = await plain();
    return [{ sent: [leaf, intermediate], trusted: [root], pinned: intermediate, matches: 1 }];
  },
  unrelatedPinnedLeafCertificateInChain: async () => {
    const { root, leaf } = await plain();
    const rogue = await ca(root, 'Compromised');
    const rogueLeaf = await leafOf(rogue, { key: await world.key('rogue') });
    return permutations([rogue, leaf]).map((added) => ({
      sent: [rogueLeaf, ...added],
      trusted: [root],
      pinned: leaf,
      role: 'leaf' as const,
    }));
  },
  unrelatedPinnedIntermediateCertificateInChain: async () => {
    const { root, intermediate } = await plain();
    const evil = await rootCa('Compromised Root');
    const chains: Chain[] = [];
    for (const keyIdentifiers of [true, false]) {
      const twin = await ca(evil, intermediate.subject, { key: await world.key('twin') });
      const rogue = await leafOf(twin, { keyIdentifiers });
      for (const added of permutations([twin, intermediate]))
        chains.push({ sent: [rogue, ...added], trusted: [root, evil], pinned: intermediate });
    }
    return chains;
  },
  signersMustHaveCaBitSet: async () => {
    const evil = await rootCa('Attacker Root');
    const evilCa = await ca(evil, 'Attacker Intermediate');
    const pinnedRoot = await ca(evilCa, 'Pinned Root');
    const trusted = await rootCa('Pinned Root');
    const pinnedCa = await ca(pinnedRoot, 'Pinned Intermediate');
    const entity = await pinnedCa.issue({
      subject: evilCa.subject,
      key: evilCa.key,
      hosts: ['attacker.test'],
    });
    const leaf = await leafOf(entity);
    return permutations([entity, pinnedCa, pinnedRoot, evilCa]).map((added) => ({
      sent: [leaf, ...added],
      trusted: [trusted, evil],
      pinned: pinnedRoot,
    }));
  },
  intermediateMustNotHaveMoreIntermediatesThanSigner: async () => {
    const evil = await rootCa('Attacker Root');
    const roomy = await ca(evil, 'Pinned Root', { pathLength: 1 });
    const trusted = await rootCa('Pinned Root', { pathLength: 1 });
    const cramped = await ca(roomy, 'Compromised', { pathLength: 0 });
    const extra = await ca(cramped, 'One too many', { key: evil.key });
    const leaf = await leafOf(extra);
    return [{ sent: [leaf, extra, cramped, roomy], trusted: [trusted, evil], pinned: roomy }];
  },
  lonePinnedCertificate: async () => lone(),
  normalizeSingleSelfSignedCertificate: async () => lone(),
  normalizeUnknownSelfSignedCertificate: async () => lone(await rootCa('Root')),
  orderedChainOfCertificatesWithRoot: async () => {
    const { root, intermediate, leaf } = await plain();
    return [{ sent: [leaf, intermediate, root], trusted: [root], pinned: root, matches: 2 }];
  },
  orderedChainOfCertificatesWithoutRoot: async () => {
    const { root, intermediate, leaf } = await plain();
    return [{ sent: [leaf, intermediate], trusted: [root], pinned: root, matches: 2 }];
  },
  unorderedChainOfCertificatesWithRoot: async () => {
    const { root, upper, lower, leaf } = await deep();
    return [{ sent: [leaf, upper, root, lower], trusted: [root], pinned: root }];
  },
  unorderedChainOfCertificatesWithoutRoot: async () => {
    const { root, upper, lower, leaf } = await deep();
    return [{ sent: [leaf, upper, lower], trusted: [root], pinned: root }];
  },
  unrelatedCertificatesAreOmitted: async () => {
    const { root, intermediate, leaf } = await plain();
    const unrelated = await createSelfSigned({ subject: 'Unrelated' });
    return [{ sent: [leaf, unrelated, intermediate, root], trusted: [root], pinned: root, matches: 2 }];
  },
  chainGoesAllTheWayToSelfSignedRoot: async () => {
    const { root, upper, lower, leaf } = await deep();
    return [[lower], [lower, upper], [lower, upper, root]].map((added) => ({
      sent: [leaf, ...added],
      trusted: [root, upper],
      pinned: root,
      matches: 3,
    }));
  },
  trustedRootNotSelfSigned: async () => {
    const { upper, lower, leaf } = await deep();
    return [[lower], [lower, upper]].map((added) => ({
      sent: [leaf, ...added],
      trusted: [upper],
      pinned: upper,
      matches: 2,
    }));
  },
  chainMaxLength: async () => {
    const all = await tower(10);
    const root = all.at(-1) ?? all[0];
    return [all, all.slice(0, -1)].map((sent) => ({ sent, trusted: [root], pinned: root, matches: 9 }));
  },
  chainTooLong: async () => {
    const all = await tower(11);
    const root = all.at(-1) ?? all[0];
    return [{ sent: all, trusted: [root], pinned: root }];
  },
};
