import { attacks } from './attacks.js';
import { type Faced } from './face.js';
import { legitimate, price } from './legitimate.js';
import type { Chain, Scenario } from './world.js';

/** What has to come of a scenario. */
export type Kind = 'attack' | 'legitimate' | 'price';

export const scenarios: readonly (readonly [kind: Kind, list: readonly Scenario[]])[] = [
  ['attack', attacks],
  ['legitimate', legitimate],
  ['price', price],
];

/** What is wrong with the outcome of a scenario; `undefined`: nothing. */
export function whyWrong(kind: Kind, scenario: Scenario, chain: Chain, faced: Faced): string | undefined {
  const { plain, agent, options } = faced;
  // Else a refusal would be Node's own and prove nothing.
  if (!plain.isAccepted || !plain.isAuthorized) return `Node itself refuses: ${plain.code}`;
  if (plain.bytes === 0) return 'nothing reached the server without pins';
  const isShown = plain.shown.includes(chain.pinned.pin);
  // A walk that only looks would accept: the pinned key is before Node's eyes.
  if (isShown === (scenario.isHidden === true)) return `the pinned key is ${isShown ? '' : 'not '}shown`;
  for (const [through, outcome] of Object.entries({ agent, options })) {
    if (kind === 'legitimate') {
      if (!outcome.isAccepted) return `refused through ${through}: ${outcome.code}`;
      if (outcome.bytes === 0) return `not a byte went through ${through}`;
      continue;
    }
    if (outcome.isAccepted) return `accepted through ${through}`;
    if (outcome.bytes !== 0) return `${outcome.bytes} bytes went through ${through}`;
    if (!expectedCodes(kind, scenario).includes(outcome.code)) return `${through} says ${outcome.code}`;
  }
  return undefined;
}

/** A pinned key that is shown and not reached is told apart; one that is not shown may be an ordinary mismatch. */
function expectedCodes(kind: Kind, { isHidden = false }: Scenario): readonly (string | undefined)[] {
  const untold = 'ERR_PIN_CHAIN_UNVERIFIED';
  return kind === 'attack' && isHidden ? [untold, 'ERR_PIN_MISMATCH'] : [untold];
}
