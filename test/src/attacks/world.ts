import { createRootCa, type KeyType, type TestCertificate, TestKey } from '@pinvault/testing';

export const host = 'api.example.test';

/** Which CA of the peer is pinned. */
export type Pinned = 'intermediate' | 'root';

/** One server, one trust store, one pin. */
export interface Chain {
  /** As the server sends it; its own first. */
  readonly sent: readonly TestCertificate[];
  readonly trusted: readonly TestCertificate[];
  /** Whose key is pinned. */
  readonly pinned: TestCertificate;
  /** What the pin may match. @defaultValue `'ca'` */
  readonly role?: 'ca' | 'leaf';
  /** Index of the certificate that matches, where it has to be told. */
  readonly matches?: number;
  /** Certificates that OpenSSL takes at security level 0 only: both sides run at it. */
  readonly isWeak?: boolean;
}

/** What a chain is built of: a kind of key, a pinned CA, and keys that were made before. */
export interface World {
  readonly keyType: KeyType;
  readonly pinned: Pinned;
  /** The key of a role; the same one each time. */
  key(role: string): Promise<TestKey>;
}

/** A class of chains; `build` returns nothing where a kind of key makes no such chain. */
export interface Scenario {
  readonly name: string;
  readonly build: (world: World) => Promise<Chain | undefined>;
  /** Node does not show the pinned CA: it is refused for want of it, and no walk is put to the test. */
  readonly isHidden?: boolean;
}

export const keyTypes: readonly KeyType[] = ['ec', 'rsa', 'rsa-pss', 'ed25519'];

const keys = new Map<string, Promise<TestKey>>();

/** A world whose keys are made once in a process: RSA takes its time. */
export function worldOf(keyType: KeyType, pinned: Pinned): World {
  const key = async (role: string): Promise<TestKey> => {
    const name = `${keyType} ${role}`;
    const known = keys.get(name) ?? TestKey.create(keyType);
    keys.set(name, known);
    return known;
  };
  return { keyType, pinned, key };
}

type Options = NonNullable<Parameters<typeof createRootCa>[0]>;

/** The peer as it should be. */
export interface Peer {
  readonly root: TestCertificate;
  readonly intermediate: TestCertificate;
  readonly leaf: TestCertificate;
  /** The CA that is pinned. */
  readonly above: TestCertificate;
}

/** Root, intermediate and leaf; `options` are those of the pinned CA. */
export async function peerOf(world: World, options: Options = {}): Promise<Peer> {
  const optionsOf = (ca: Pinned): Options => (world.pinned === ca ? options : {});
  const root = await createRootCa({
    subject: 'CN=Real Root,O=Example',
    key: await world.key('root'),
    ...optionsOf('root'),
  });
  const intermediate = await root.issueCa({
    subject: 'CN=Real Intermediate,O=Example',
    key: await world.key('intermediate'),
    ...optionsOf('intermediate'),
  });
  const leaf = await intermediate.issue({ hosts: [host], key: await world.key('leaf') });
  return { root, intermediate, leaf, above: world.pinned === 'root' ? root : intermediate };
}

/** A root of somebody else, and a CA under it. */
export async function strangers(world: World): Promise<{ root: TestCertificate; ca: TestCertificate }> {
  const root = await createRootCa({ subject: 'CN=Other Root', key: await world.key('other root') });
  return { root, ca: await root.issueCa({ subject: 'CN=Other CA', key: await world.key('other ca') }) };
}

/** A date so many days ago; later, where negative. */
export function daysAgo(days: number): Date {
  return new Date(Date.now() - days * 86_400_000);
}
