import { createRootCa, EXTENDED_KEY_USAGES, type KeyType, type TestCertificate } from '@pinvault/testing';

export const host = 'api.example.test';

/** One server, one trust store, one CA pin. */
export interface Chain {
  /** As the server sends it; its own first. */
  readonly sent: readonly TestCertificate[];
  readonly trusted: readonly TestCertificate[];
  /** The pinned CA. */
  readonly pinned: TestCertificate;
}

/** The peer as it should be: root, intermediate, leaf. */
interface Peer {
  readonly root: TestCertificate;
  readonly intermediate: TestCertificate;
  readonly leaf: TestCertificate;
}

async function peer(keyType: KeyType = 'ec'): Promise<Peer> {
  const root = await createRootCa({ subject: 'CN=Real Root,O=Example', keyType });
  const intermediate = await root.issueCa({ subject: 'CN=Real Intermediate,O=Example', keyType });
  return { root, intermediate, leaf: await intermediate.issue({ hosts: [host], keyType }) };
}

async function unrelatedCa(): Promise<TestCertificate> {
  return (await createRootCa({ subject: 'CN=Unrelated Root' })).issueCa({
    subject: 'CN=Unrelated Intermediate',
  });
}

type Scenario = readonly [name: string, build: () => Promise<Chain>];

const keyTypes: readonly KeyType[] = ['ec', 'rsa', 'ed25519'];

/** Servers that must be served: a path to the pinned CA exists, and Node shows it. */
export const legitimate: readonly Scenario[] = [
  ...keyTypes.flatMap((keyType): Scenario[] => [
    [
      `${keyType}: intermediate pinned, root not sent`,
      async () => {
        const { root, intermediate, leaf } = await peer(keyType);
        return { sent: [leaf, intermediate], trusted: [root], pinned: intermediate };
      },
    ],
    [
      `${keyType}: root pinned, root not sent`,
      async () => {
        const { root, intermediate, leaf } = await peer(keyType);
        return { sent: [leaf, intermediate], trusted: [root], pinned: root };
      },
    ],
  ]),
  [
    'root pinned and sent',
    async () => {
      const { root, intermediate, leaf } = await peer();
      return { sent: [leaf, intermediate, root], trusted: [root], pinned: root };
    },
  ],
  [
    'junk appended',
    async () => {
      const { root, intermediate, leaf } = await peer();
      return { sent: [leaf, intermediate, await unrelatedCa()], trusted: [root], pinned: intermediate };
    },
  ],
  [
    'junk between',
    async () => {
      const { root, intermediate, leaf } = await peer();
      return { sent: [leaf, await unrelatedCa(), intermediate], trusted: [root], pinned: root };
    },
  ],
  [
    'the intermediate twice',
    async () => {
      const { root, intermediate, leaf } = await peer();
      return { sent: [leaf, intermediate, intermediate], trusted: [root], pinned: intermediate };
    },
  ],
  [
    'intermediate not sent, but in the store',
    async () => {
      const { root, intermediate, leaf } = await peer();
      return { sent: [leaf], trusted: [root, intermediate], pinned: intermediate };
    },
  ],
  [
    'cross-signed: the pinned key under another root',
    async () => {
      const { intermediate, leaf } = await peer();
      const otherRoot = await createRootCa({ subject: 'CN=Other Root' });
      const cross = await otherRoot.issueCa({ subject: intermediate.subject, key: intermediate.key });
      return { sent: [leaf, cross], trusted: [otherRoot], pinned: intermediate };
    },
  ],
  [
    'two intermediates, path lengths as they should be',
    async () => {
      const root = await createRootCa({ subject: 'CN=Real Root', pathLength: 2 });
      const upper = await root.issueCa({ subject: 'CN=Upper', pathLength: 1 });
      const lower = await upper.issueCa({ subject: 'CN=Lower', pathLength: 0 });
      return { sent: [await lower.issue({ hosts: [host] }), lower, upper], trusted: [root], pinned: upper };
    },
  ],
  [
    'name constraints in the pinned CA itself',
    async () => {
      const root = await createRootCa({ subject: 'CN=Real Root' });
      const limited = await root.issueCa({
        subject: 'CN=Limited',
        nameConstraints: { permittedDns: ['example.test'] },
      });
      return { sent: [await limited.issue({ hosts: [host] }), limited], trusted: [root], pinned: limited };
    },
  ],
];

/** A CA of the attacker under the pinned one, and a trusted root with the same name and key: OpenSSL takes that one. */
async function hangUnder(
  pinned: 'root' | 'intermediate',
  limit: Parameters<TestCertificate['issueCa']>[0],
  limitOfPinned: Parameters<TestCertificate['issueCa']>[0] = {},
): Promise<Chain> {
  const root = await createRootCa({ subject: 'CN=Real Root', ...(pinned === 'root' ? limitOfPinned : {}) });
  const intermediate = await root.issueCa({ subject: 'CN=Real Intermediate', ...limitOfPinned });
  const above = pinned === 'root' ? root : intermediate;
  const sub = await above.issueCa({ subject: 'CN=Sub', ...limit });
  const twin = await createRootCa({ subject: sub.subject, key: sub.key });
  const sent = [await twin.issue({ hosts: [host] }), sub, ...(pinned === 'root' ? [] : [intermediate])];
  return { sent, trusted: [twin, root], pinned: above };
}

/** A trusted root of the attacker's that bears the name of the pinned CA. */
async function namesake(pinned: 'root' | 'intermediate', isForged: boolean): Promise<Chain> {
  const { root, intermediate } = await peer();
  const victim = pinned === 'root' ? root : intermediate;
  const identifiers = { subject: victim.keyIdentifier, authority: victim.keyIdentifier };
  const evil = await createRootCa({
    subject: victim.subject,
    ...(isForged ? { keyIdentifiers: identifiers } : {}),
  });
  const leaf = await evil.issue({ hosts: [host], ...(isForged ? {} : { keyIdentifiers: false }) });
  const sent = pinned === 'root' ? [leaf, root] : [leaf, intermediate];
  return { sent, trusted: [evil, root], pinned: victim };
}

const yesterday = new Date(Date.now() - 86_400_000);
const lastYear = new Date(Date.now() - 365 * 86_400_000);

/**
 * Chains that this machine trusts and that do not lead to the pinned CA, though its key is among what Node shows
 * (`node-tls` §3.2).
 */
export const attacks: readonly Scenario[] = [
  [
    'real CA certificates beside a chain that does not use them',
    async () => {
      const { root, intermediate } = await peer();
      const evil = await createRootCa({ subject: 'CN=Evil Root' });
      return {
        sent: [await evil.issue({ hosts: [host] }), intermediate, root],
        trusted: [evil, root],
        pinned: intermediate,
      };
    },
  ],
  ...(['intermediate', 'root'] as const).flatMap((pinned): Scenario[] => [
    [`a trusted root with the name of the pinned ${pinned}`, () => namesake(pinned, false)],
    [`the same with forged key identifiers (${pinned})`, () => namesake(pinned, true)],
    [
      `a sub-CA for other names under the pinned ${pinned}`,
      () => hangUnder(pinned, { nameConstraints: { permittedDns: ['elsewhere.test'] } }),
    ],
    [
      `a sub-CA for e-mail under the pinned ${pinned}`,
      () => hangUnder(pinned, { extendedKeyUsages: [EXTENDED_KEY_USAGES.emailProtection] }),
    ],
    [
      `an expired sub-CA under the pinned ${pinned}`,
      () => hangUnder(pinned, { notBefore: lastYear, notAfter: yesterday }),
    ],
    [
      `a sub-CA that the pinned ${pinned} may not have, by its path length`,
      () => hangUnder(pinned, {}, { pathLength: 0 }),
    ],
    [
      `a sub-CA with a critical extension that nobody knows under the pinned ${pinned}`,
      () =>
        hangUnder(pinned, {
          extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical: true, value: Buffer.from('0500', 'hex') }],
        }),
    ],
    [
      `an end-entity certificate of the pinned ${pinned}, used as a CA`,
      async () => {
        const { root, intermediate } = await peer();
        const above = pinned === 'root' ? root : intermediate;
        const pivot = await above.issue({
          subject: 'CN=Pivot',
          hosts: ['shop.example.test'],
          keyUsages: null,
        });
        const twin = await createRootCa({ subject: pivot.subject, key: pivot.key });
        const sent = [
          await twin.issue({ hosts: [host] }),
          pivot,
          ...(pinned === 'root' ? [] : [intermediate]),
        ];
        return { sent, trusted: [twin, root], pinned: above };
      },
    ],
  ]),
];

/** Refused although legitimate: Node shows nothing else, and what it shows proves nothing. */
export const price: readonly Scenario[] = [
  [
    'an expired twin of the intermediate is sent first',
    async () => {
      const { root, intermediate, leaf } = await peer();
      const { subject, key } = intermediate;
      const expired = await root.issueCa({ subject, key, notBefore: lastYear, notAfter: yesterday });
      return { sent: [leaf, expired, intermediate], trusted: [root], pinned: intermediate };
    },
  ],
  [
    'the root is sent before the intermediate that it signed',
    async () => {
      const root = await createRootCa({ subject: 'CN=Real Root' });
      const upper = await root.issueCa({ subject: 'CN=Upper' });
      const lower = await upper.issueCa({ subject: 'CN=Lower' });
      return { sent: [await lower.issue({ hosts: [host] }), upper, lower], trusted: [root], pinned: upper };
    },
  ],
];
