import { attack } from './attack.js';
import { callHttps } from './https-call.js';
import { type Scene, seconds, watch } from './scene.js';
import { apiHost, mailHost, payHost } from './stage.js';
import { until } from './waiting.js';

export async function rowIsMistyped(scene: Scene): Promise<void> {
  const { narrator, operator, stage, events, agent, pins, signal } = scene;
  narrator.chapter('A mistyped row');
  const { leaf, issuer } = stage.chains.pay;
  const mailPin = `ca:${issuer.pin}`;
  const mistyped = leaf.pin.slice(0, -6);
  const write = await operator.edit({ [mailHost]: mailPin, [payHost]: mistyped });
  narrator.say('one edit: a new row, and a row that has lost its end in copying');
  narrator.rowAdded(mailHost, mailPin);
  narrator.rowDeleted(payHost, leaf.pin);
  narrator.rowAdded(payHost, mistyped);

  const { event, at } = await events.first('rowRejected', write.sentAt, signal);
  const { row } = event;
  narrator.promise(
    row.pattern === payHost && row.tokenIndex === 0 && pins.status().quarantined.length === 1,
    `event "rowRejected", ${seconds(at - write.sentAt)} after the write, and in status() from now on:`,
  );
  narrator.quote(row.message);

  const mail = await callHttps({ agent, host: mailHost, port: stage.pay.port, path: '/mail' });
  narrator.promise(mail.status === 200, `its neighbour was taken: ${mailHost} answers ${mail.status}`);
  const done = await watch(scene, 1_000);
  narrator.promise(
    done.lost === 0 && done.fresh > 0 && scene.load.lastFresh(payHost) === leaf.x509.fingerprint256,
    `${payHost} goes on under its last good pin: ${done.answered} requests answered, ${done.lost} lost`,
  );
}

export async function vaultDies(scene: Scene): Promise<void> {
  const { narrator, vault, events, load, pins, figures, signal } = scene;
  narrator.chapter('The vault dies');
  const before = load.tally;
  const diedAt = performance.now();
  const how = await vault.die();
  narrator.say(`${vault.name}: ${how}`);
  const { event: failure } = await events.first('refreshError', diedAt, signal);
  narrator.say('event "refreshError":');
  narrator.quote(failure.error.message);

  await until('the pins are stale', () => pins.status().state === 'stale', signal);
  const { state, revision, ageMs, expiresAt, lastError } = pins.status();
  const days = expiresAt === null ? 'for ever' : `${((expiresAt - Date.now()) / 86_400_000).toFixed(1)} days`;
  narrator.say(
    `status(): ${state}, last confirmed ${seconds(ageMs)} ago, last error ${lastError?.code ?? 'none'}`,
  );
  narrator.say(
    `the pins of revision ${revision} stay in force for ${days} more, unless the vault comes back`,
  );
  await watch(scene, 1_000);
  const done = load.since(before);
  narrator.promise(
    done.lost === 0 && done.fresh > 0,
    `traffic goes on: ${done.answered} requests answered, ${done.fresh} of them with fresh handshakes, ${done.lost} lost`,
  );
  const attempts = 5;
  const refusals = await attack(scene, attempts);
  narrator.promise(
    refusals.length === attempts && figures.attackerBytes === 0,
    `and ${apiHost} is as pinned as before: the attacker is refused ${refusals.length} times out of ${attempts}`,
  );
}
