import { createPinResolver, type PinEvent, type PinResolver } from 'pinvault';
import type { Narrator } from '../narrator.js';
import { Operator } from '../operator.js';
import { nameOf, short } from '../scene.js';
import { apiHost, payHost, setStage, type Stage } from '../stage.js';
import { pause, StoryBroken } from '../waiting.js';
import { startOpenBao } from '../vault-openbao.js';
import { openAccounts } from './account.js';
import { Live } from './live.js';
import { Traffic } from './traffic.js';

const refreshIntervalMs = 1_000;
const beatMs = 250;

/** Lets a person rotate pins by hand, and tells what each edit does, until `signal` ends it. Nothing is left running. */
export async function play(narrator: Narrator, binary: string, signal: AbortSignal): Promise<never> {
  const closings: (() => unknown)[] = [];
  try {
    narrator.heading('The stage');
    const stage = await setStage();
    closings.push(() => stage.close());
    const { old } = stage.chains;
    narrator.say(
      `https://${apiHost}  ${short(old.leaf.pin)}  a key from ${nameOf(old.issuer)}, on 127.0.0.1`,
    );

    const vault = await startOpenBao(binary, signal);
    closings.push(() => vault.close());
    await new Operator(vault).edit({ [apiHost]: old.leaf.pin, [payHost]: stage.chains.pay.leaf.pin });
    const accounts = await openAccounts(vault);
    narrator.say(`${vault.name} at ${vault.address}`);

    const news: PinEvent[] = [];
    const pins = await startResolver(vault, accounts.readerToken, news);
    closings.push(() => pins.close());
    narrator.say('a pinned service, which reads the secret every second and may do nothing else there');
    const traffic = new Traffic(stage, pins);
    closings.push(() => traffic.close());

    narrator.heading('Your turn: you are the operator');
    narrator.instruct(`Open    ${accounts.page}`);
    narrator.instruct(`Log in  Username ${accounts.user}   Password ${accounts.password}`);
    narrator.instruct('It may edit this one secret, and nothing else. Values show when you click the eye.');
    await follow({ narrator, stage, pins, traffic, news, signal });
    throw new StoryBroken('it ended without a reason');
  } finally {
    for (const close of closings.toReversed()) {
      await Promise.resolve()
        .then(close)
        .catch((error: unknown) => narrator.warn(`something could not be closed: ${String(error)}`));
    }
  }
}

async function startResolver(
  { address }: { readonly address: string },
  token: string,
  news: PinEvent[],
): Promise<PinResolver> {
  return createPinResolver(
    {
      provider: 'vault',
      vault: { address, token, path: 'secret/tls-pins' },
      refreshIntervalMs,
      readTimeoutMs: 1_000,
      onEvent: (event) => news.push(event),
      // They are told below.
      warnings: false,
    },
    // Nobody's VAULT_* or PINVAULT_* shall change the game.
    {},
  );
}

async function follow(parts: {
  readonly narrator: Narrator;
  readonly stage: Stage;
  readonly pins: PinResolver;
  readonly traffic: Traffic;
  readonly news: PinEvent[];
  readonly signal: AbortSignal;
}): Promise<void> {
  const { signal } = parts;
  const live = new Live(parts);
  while (!signal.aborted) {
    await live.beat();
    await pause(beatMs, signal);
  }
  signal.throwIfAborted();
}
