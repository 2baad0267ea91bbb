import { findPinError } from 'pinvault';
import { bearerToken, callHttps } from './https-call.js';
import { nameOf, type Scene, watch } from './scene.js';
import { apiHost } from './stage.js';
import { pause } from './waiting.js';

const attempts = 20;

export async function attackerAppears(scene: Scene): Promise<void> {
  const { narrator, stage, figures } = scene;
  narrator.chapter('An attacker, with a certificate from a trusted CA');
  const { leaf, issuer } = stage.chains.attacker;
  narrator.say(`a certificate for ${apiHost}, from ${nameOf(issuer)}, which every client here trusts`);

  const plainAgent = stage.plainAgent();
  const { status } = await callHttps({
    agent: plainAgent,
    host: apiHost,
    port: stage.attacker.port,
    path: '/plain',
  });
  plainAgent.destroy();
  figures.bytesWithoutPins = stage.attacker.applicationBytes;
  if (status === 200 && stage.stolen.includes(`Bearer ${bearerToken}`)) {
    narrator.warn(`plain https, same trust store: ${status}; the attacker has read "Bearer ${bearerToken}"`);
  } else {
    narrator.promise(false, `the attacker's server works: a client without pins got ${status}`);
  }

  const refusals = await attack(scene, attempts);
  narrator.promise(
    refusals.length === attempts && figures.attackerBytes === 0,
    `the pinned agent refuses: ${refusals.length} of ${attempts} requests, ${figures.attackerBytes} bytes of them were sent. It says:`,
  );
  narrator.quote(refusals[0] ?? `nothing, and ought to have refused ${leaf.pin}`);
  const done = await watch(scene, 500);
  narrator.promise(
    done.lost === 0 && done.answered > 0,
    `requests to the real servers go on: ${done.answered} answered, ${done.lost} lost`,
  );
}

/** Sends requests to the attacker through the service's own agent. Returns the words of each refusal. */
export async function attack({ stage, agent, figures, signal }: Scene, count: number): Promise<string[]> {
  const refusals: string[] = [];
  const { attacker } = stage;
  for (let index = 1; index <= count; index += 1) {
    try {
      await callHttps({ agent, host: apiHost, port: attacker.port, path: `/attempt-${index}` });
      figures.attackerAccepted += 1;
    } catch (error) {
      const refusal = findPinError(error);
      if (refusal?.code === 'ERR_PIN_MISMATCH') refusals.push(refusal.message);
    }
  }
  // What was sent, if anything was, has arrived by then.
  await pause(100, signal);
  figures.attackerRefused += refusals.length;
  figures.attackerBytes = attacker.applicationBytes - figures.bytesWithoutPins;
  return refusals;
}
