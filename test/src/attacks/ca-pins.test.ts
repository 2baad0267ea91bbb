import { readFileSync } from 'node:fs';
import type { SecureVersion } from 'node:tls';
import type { KeyType } from '@pinvault/testing';
import { expect } from 'chai';
import { face, tlsVersions } from './face.js';
import { vectorChains } from './vector-chains.js';
import { scenarios, whyWrong } from './verdict.js';
import { type Pinned, worldOf } from './world.js';

// Here a part of what `pnpm test:attacks` tries: each class once over each version of TLS, on two kinds of key.
const parts: readonly (readonly [SecureVersion, KeyType])[] = [
  ['TLSv1.3', 'ec'],
  ['TLSv1.2', 'rsa'],
];
const words = { attack: 'refuses', legitimate: 'accepts', price: 'refuses, though legitimate' } as const;

for (const [version, keyType] of parts) {
  describe(`a CA pin over ${version}, ${keyType} keys`, () => {
    for (const [kind, list] of scenarios) {
      for (const scenario of list) {
        for (const pinned of ['intermediate', 'root'] satisfies Pinned[]) {
          it(`${words[kind]}: ${scenario.name} (${pinned} pinned)`, async function test() {
            const chain = await scenario.build(worldOf(keyType, pinned));
            if (chain === undefined) {
              this.skip();
              return;
            }
            expect(whyWrong(kind, scenario, chain, await face(chain, version))).to.equal(undefined);
          });
        }
      }
    }
  });
}

interface Case {
  readonly name: string;
  readonly expected: 'accept' | 'reject' | 'depends';
  readonly rejectedBy?: 'Node' | 'either';
  readonly nodeCode?: string;
}

const { cases } = JSON.parse(
  readFileSync(new URL('../../vectors/chain-cases.json', import.meta.url), 'utf8'),
) as { cases: readonly Case[] };

describe('the vectors of chains, in a handshake', () => {
  it('are built here, every one', () => {
    expect(Object.keys(vectorChains)).to.have.members(cases.map(({ name }) => name));
  });

  for (const { name, expected, rejectedBy } of cases) {
    it(`${name}: ${expected}`, async () => {
      const chains = (await vectorChains[name]?.()) ?? [];
      expect(chains).to.have.length.at.least(1);
      let refusedByPins = 0;
      for (const chain of chains) {
        for (const version of tlsVersions) {
          const { plain, agent, options, matchedAt } = await face(chain, version);
          if (plain.isAuthorized && chain.matches !== undefined) {
            expect([agent.isAccepted, options.isAccepted, matchedAt]).to.deep.equal([
              true,
              true,
              chain.matches,
            ]);
            continue;
          }
          // `depends`: Node itself takes no trusted CA that is no root, unless it is told to.
          expect([agent, options].map(({ isAccepted, bytes }) => ({ isAccepted, bytes }))).to.deep.equal(
            Array.from({ length: 2 }, () => ({ isAccepted: false, bytes: 0 })),
          );
          if (!plain.isAuthorized) {
            expect(rejectedBy ?? expected).to.be.oneOf(['Node', 'either', 'depends']);
            continue;
          }
          refusedByPins += 1;
          for (const { code } of [agent, options])
            expect(code).to.be.oneOf(['ERR_PIN_MISMATCH', 'ERR_PIN_CHAIN_UNVERIFIED']);
        }
      }
      expect(refusedByPins > 0).to.equal(expected === 'reject' && rejectedBy !== 'Node');
    });
  }
});
