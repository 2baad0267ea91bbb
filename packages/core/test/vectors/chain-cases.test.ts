import { expect } from 'chai';
import { createStaticProvider } from '#src/providers/static-provider.js';
import { PinMismatchError } from '#src/errors.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { verifiedPath } from '#src/verify/verified-path.js';
import { chainNames, host, peerCertificate, pinOf, shownIn, testTime } from '../support/chains.js';
import { FakeClock } from '../support/fake-clock.js';
import { readVectors } from '../support/vectors.js';

interface ChainCase {
  readonly name: string;
  readonly expected: string;
  readonly depth?: number;
}

/** A case of the file, in terms of the fixtures. */
interface Row {
  readonly chains: readonly string[];
  readonly pins: readonly string[];
  /** Index of the matching certificate; `undefined` where the connection is refused. */
  readonly accepted?: number;
  readonly role?: 'ca' | 'leaf';
}

const { cases } = readVectors('chain-cases') as { cases: readonly ChainCase[] };
const chainsLike = (prefix: string): string[] => chainNames.filter((name) => name.startsWith(prefix));

// The file is in words; here is what they come to. A case that Node's own verification refuses is judged all the same,
// as the walk has to hold on its own; normalizeUnknownSelfSignedCertificate never reaches the check (see test/).
const rows: Readonly<Record<string, readonly Row[]>> = {
  pinRootNotPresentInChain: [{ chains: ['without root'], pins: ['root'], accepted: 2 }],
  pinIntermediatePresentInChain: [
    { chains: ['without root', 'without root'], pins: ['intermediate'], accepted: 1 },
  ],
  unrelatedPinnedLeafCertificateInChain: [
    { chains: chainsLike('pinned leaf added'), pins: ['leaf'] },
    { chains: chainsLike('pinned leaf added'), pins: ['leaf'], role: 'leaf' },
  ],
  unrelatedPinnedIntermediateCertificateInChain: [
    { chains: chainsLike('pinned intermediate added'), pins: ['intermediate'] },
  ],
  signersMustHaveCaBitSet: [
    { chains: chainsLike('no CA bit'), pins: ['pinned root', 'pinned intermediate'] },
  ],
  intermediateMustNotHaveMoreIntermediatesThanSigner: [
    {
      chains: ['path length exceeded'],
      pins: ['pinned root with path length 1', 'intermediate with path length 0'],
    },
  ],
  lonePinnedCertificate: [{ chains: ['lone'], pins: ['lone'], accepted: 0, role: 'leaf' }],
  normalizeSingleSelfSignedCertificate: [{ chains: ['lone'], pins: ['lone'], accepted: 0, role: 'leaf' }],
  orderedChainOfCertificatesWithRoot: [{ chains: ['with root'], pins: ['root'], accepted: 2 }],
  orderedChainOfCertificatesWithoutRoot: [{ chains: ['without root'], pins: ['root'], accepted: 2 }],
  unorderedChainOfCertificatesWithRoot: [
    { chains: ['unordered with root'], pins: ['root', 'upper intermediate'] },
  ],
  unorderedChainOfCertificatesWithoutRoot: [
    { chains: ['unordered without root'], pins: ['root', 'upper intermediate'] },
  ],
  unrelatedCertificatesAreOmitted: [
    { chains: ['unrelated between'], pins: ['root'], accepted: 2 },
    { chains: ['unrelated between'], pins: ['unrelated'] },
  ],
  chainGoesAllTheWayToSelfSignedRoot: [
    { chains: chainsLike('all the way to the root'), pins: ['root'], accepted: 3 },
  ],
  trustedRootNotSelfSigned: [
    { chains: ['trusted but not self-signed'], pins: ['upper intermediate'], accepted: 2 },
  ],
  chainMaxLength: [
    { chains: ['ten certificates', 'ten certificates, without root'], pins: ['tower 0'], accepted: 9 },
  ],
  chainTooLong: [
    { chains: ['eleven certificates'], pins: ['tower 0'] },
    { chains: ['eleven certificates'], pins: ['leaf of eleven'], accepted: 0, role: 'leaf' },
  ],
};
const notOurs = new Set(['normalizeUnknownSelfSignedCertificate']);

describe('the vectors of chains', () => {
  it('are all there, and each one is tested here or is for Node alone', () => {
    expect(cases).to.have.length.at.least(18);
    for (const { name } of cases) expect(name in rows || notOurs.has(name), name).to.equal(true);
  });

  for (const { name, expected, depth } of cases) {
    for (const { chains, pins, accepted, role = 'ca' } of rows[name] ?? []) {
      for (const pin of pins) {
        for (const typed of [`${role}:${pinOf(pin)}`, pinOf(pin)]) {
          const answer = accepted === undefined ? 'refuses' : `accepts at ${accepted}`;
          it(`${name}: ${answer} ${chains[0]} under ${typed.slice(0, 22)}… of ${pin}`, async () => {
            const resolver = await resolverWith(typed);
            expect(chains).to.have.length.at.least(1);
            for (const chain of chains) {
              const outcome = resolver.checkServerIdentity(host, peerCertificate(chain));
              if (accepted === undefined) {
                expect(outcome, chain).to.be.an.instanceof(PinMismatchError);
                continue;
              }
              expect(outcome, chain).to.equal(undefined);
              const verdict = resolver.verify({ host }, peerCertificate(chain));
              expect(verdict).to.include({ outcome: 'match', pin: typed, chainIndex: accepted });
            }
            await resolver.close();
          });
        }
      }
    }
    it(`${name}: the expectation here is the one of the file`, () => {
      const [first] = rows[name] ?? [];
      if (first === undefined) {
        expect(notOurs.has(name)).to.equal(true);
        return;
      }
      const answer = first.accepted === undefined ? 'reject' : 'accept';
      expect([answer, 'depends']).to.include(expected);
      if (depth !== undefined) expect(first.accepted).to.equal(depth);
    });
  }

  it('a pin on the lower intermediate matches in an unordered chain, and the path says where it ends', () => {
    const { certificates, endsBecause } = verifiedPath(peerCertificate('unordered with root'), testTime);
    expect(certificates.map(({ pin }) => pin)).to.deep.equal([
      pinOf('leaf of the lower intermediate'),
      pinOf('lower intermediate'),
    ]);
    expect(endsBecause).to.equal(undefined);
    expect(shownIn('unordered with root')).to.have.length(2);
  });
});

async function resolverWith(pin: string): Promise<PinResolver> {
  return PinResolver.create(createStaticProvider({ [host]: pin }), { clock: new FakeClock(testTime) });
}
