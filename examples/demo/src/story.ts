import { createPinResolver, PinnedAgent } from 'pinvault';
import { attackerAppears } from './attack.js';
import { EventLog } from './event-log.js';
import { type Caller, Load } from './load.js';
import { rowIsMistyped, vaultDies } from './mishaps.js';
import type { Narrator } from './narrator.js';
import { Operator } from './operator.js';
import { keyChanges, nextPinIsAdded, oldRowIsDeleted, requestsFlow } from './rotation.js';
import { breathe, nameOf, type Scene, seconds, short } from './scene.js';
import { apiHost, payHost, setStage, type Stage } from './stage.js';
import { reportLosses, summarise } from './summary.js';
import type { DemoVault } from './vault.js';

type Closing = () => unknown;

const chapters: readonly ((scene: Scene) => Promise<void>)[] = [
  requestsFlow,
  nextPinIsAdded,
  keyChanges,
  oldRowIsDeleted,
  attackerAppears,
  rowIsMistyped,
  vaultDies,
];

/** Tells the story from the first certificate to the summary. Whatever happens, nothing is left running. */
export async function tellStory(
  narrator: Narrator,
  startVault: () => Promise<DemoVault>,
  signal: AbortSignal,
): Promise<void> {
  const closings: Closing[] = [];
  try {
    const scene = await openScene(narrator, startVault, signal, closings);
    for (const chapter of chapters) {
      await chapter(scene);
      await breathe(scene);
    }
    await scene.load.stop();
    summarise(scene);
  } finally {
    for (const close of closings.toReversed()) {
      await Promise.resolve()
        .then(close)
        .catch((error: unknown) =>
          narrator.promise(false, `something could not be closed: ${String(error)}`),
        );
    }
  }
}

async function openScene(
  narrator: Narrator,
  startVault: () => Promise<DemoVault>,
  signal: AbortSignal,
  closings: Closing[],
): Promise<Scene> {
  narrator.heading('The stage');
  const stage = await setStage();
  closings.push(() => stage.close());
  introduce(stage, narrator);

  const vault = await startVault();
  closings.push(() => vault.close());
  const operator = new Operator(vault);
  await operator.edit({ [apiHost]: stage.chains.old.leaf.pin, [payHost]: stage.chains.pay.leaf.pin });
  narrator.say(`${vault.name} at ${vault.address}, ${vault.secret}:`);
  for (const [key, value] of Object.entries(operator.rows)) narrator.rowAdded(key, value);

  const events = new EventLog();
  const startedAt = performance.now();
  const pins = await createPinResolver(
    {
      ...vault.options,
      refreshIntervalMs: 1_000,
      readTimeoutMs: 1_000,
      onEvent: events.listener,
      // The story tells them.
      warnings: false,
    },
    // Nobody's VAULT_*, AWS_* or PINVAULT_* shall change the story.
    {},
  );
  closings.push(() => pins.close());
  narrator.say(
    `createPinResolver({ provider: '${vault.provider}', … }): ready after ${seconds(performance.now() - startedAt)}, reads every second`,
  );

  const agent = new PinnedAgent(pins, stage.trust);
  // A resumed session would show the key that it began under.
  const freshAgent = new PinnedAgent(pins, { ...stage.trust, keepAlive: false, maxCachedSessions: 0 });
  closings.push(() => agent.destroy());
  const load = new Load(callers(stage, agent, freshAgent));
  closings.push(async () => {
    await load.stop();
    reportLosses(load, narrator);
  });
  const figures = { attackerRefused: 0, attackerAccepted: 0, attackerBytes: 0, bytesWithoutPins: 0 };
  return { narrator, stage, vault, operator, pins, agent, load, events, figures, signal };
}

function callers({ api, pay }: Stage, agent: PinnedAgent, freshAgent: PinnedAgent): Caller[] {
  const toApi = { host: apiHost, port: api.first.port };
  const toPay = { host: payHost, port: pay.port };
  const keeping = [toApi, toApi, toApi, toApi, toPay, toPay];
  return [
    ...keeping.map((target) => ({ ...target, agent, keepsConnections: true })),
    ...[toApi, toPay].map((target) => ({ ...target, agent: freshAgent, keepsConnections: false })),
  ];
}

function introduce({ api, pay, chains, root }: Stage, narrator: Narrator): void {
  const { old } = chains;
  narrator.say(`freshly minted: ${nameOf(root)} → ${nameOf(old.issuer)} → a key for each service`);
  narrator.say(
    `https://${apiHost}  ${short(old.leaf.pin)}  127.0.0.1:${api.first.port} and :${api.second.port}, two instances`,
  );
  narrator.say(`https://${payHost}  ${short(chains.pay.leaf.pin)}  127.0.0.1:${pay.port}`);
}
