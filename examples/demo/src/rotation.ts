import type { TLSSocket } from 'node:tls';
import { pinErrorCode } from 'pinvault';
import { callHttps } from './https-call.js';
import type { Write } from './operator.js';
import { type Scene, seconds, short, watch } from './scene.js';
import { apiHost } from './stage.js';
import { until } from './waiting.js';

export async function requestsFlow(scene: Scene): Promise<void> {
  const { narrator, load, pins } = scene;
  narrator.chapter('Pinned requests flow');
  load.start();
  narrator.say('load: 6 callers that keep their connections, 2 with a fresh handshake per request');
  const done = await watch(scene, 2_000);
  const { matches } = pins.status().counters;
  narrator.promise(
    done.lost === 0 && done.answered > 0 && matches >= done.fresh,
    `${done.answered} requests answered, ${done.lost} lost; ${matches} handshakes matched their pin`,
  );
}

export async function nextPinIsAdded(scene: Scene): Promise<void> {
  const { narrator, operator, stage, events, signal, figures } = scene;
  narrator.chapter('The operator adds the next pin, as a row');
  const key = `${apiHost}#next`;
  const { pin } = stage.chains.next.leaf;
  const write = await operator.edit({ [key]: pin });
  narrator.rowAdded(key, pin);
  narrator.say(`written to the vault: version ${write.version}; nobody told the service`);
  const { event, at } = await events.first('rotate', write.sentAt, signal);
  figures.writeToNextPin = at - write.sentAt;
  narrator.promise(
    event.revision === write.version && event.changed.includes(apiHost),
    `event "rotate": ${event.changed.join(', ')} has changed, ${seconds(at - write.sentAt)} after the write`,
  );
}

export async function keyChanges(scene: Scene): Promise<void> {
  const { narrator, stage, load } = scene;
  narrator.chapter("The server's key changes");
  const { old, next } = stage.chains;
  stage.rollOut();
  narrator.say(`first instance of ${apiHost}: ${short(old.leaf.pin)} → ${short(next.leaf.pin)}`);
  const done = await watch(scene, 2_000);
  const kept = load.keptUnder(old.leaf.x509.fingerprint256);
  narrator.promise(
    load.lastFresh(apiHost) === next.leaf.x509.fingerprint256,
    'fresh handshakes meet the new key and match the row "#next"',
  );
  narrator.promise(kept > 0, `${kept} kept connections go on under the old key: its row is still there`);
  narrator.promise(
    done.lost === 0 && done.answered > 0,
    `requests never stopped: ${done.answered} answered, ${done.lost} lost`,
  );
}

export async function oldRowIsDeleted(scene: Scene): Promise<void> {
  const { narrator, operator, stage, load, agent } = scene;
  narrator.chapter('The old row is deleted');
  const { old, next } = stage.chains;
  const { port } = stage.api.second;
  const { socket } = await callHttps({ agent, host: apiHost, port, path: '/last-welcome' });
  narrator.say(`the roll-out forgot the second instance, ${short(old.leaf.pin)}; one idle connection to it`);

  const before = load.tally;
  const kept = load.keptUnder(old.leaf.x509.fingerprint256);
  const write = await operator.edit({ [apiHost]: undefined });
  narrator.rowDeleted(apiHost, old.leaf.pin);
  await idleConnectionGoes(scene, socket, write);
  await oldKeyIsRefused(scene, write);

  await watch(scene, 1_000);
  const left = load.keptUnder(old.leaf.x509.fingerprint256);
  narrator.promise(
    left === 0 && load.keptUnder(next.leaf.x509.fingerprint256) > 0,
    `of the ${kept} connections that the load had under the old key, ${left} are left`,
  );
  const done = load.since(before);
  narrator.promise(
    done.lost === 0 && done.answered > 0,
    `requests never stopped: ${done.answered} answered, ${done.lost} lost`,
  );
}

async function idleConnectionGoes(scene: Scene, socket: TLSSocket, write: Write): Promise<void> {
  const { narrator, events, signal, figures } = scene;
  let goneAt = NaN;
  socket.once('close', () => (goneAt = performance.now()));
  const { event, at } = await events.first('rotate', write.sentAt, signal);
  figures.writeToDeletion = at - write.sentAt;
  narrator.promise(
    event.revision === write.version && event.changed.includes(apiHost),
    `event "rotate": ${event.changed.join(', ')} has changed, ${seconds(at - write.sentAt)} after the write`,
  );
  await until('the idle connection is gone', () => goneAt > 0, signal, 1_000);
  figures.writeToIdleGone = goneAt - write.sentAt;
  narrator.promise(
    goneAt >= at,
    `the idle connection to the second instance is gone, ${(goneAt - at).toFixed(1)} ms after the event`,
  );
}

async function oldKeyIsRefused({ narrator, stage, agent, figures }: Scene, write: Write): Promise<void> {
  const { second } = stage.api;
  const before = { bytes: second.applicationBytes, requests: second.requests };
  const outcome: unknown = await callHttps({
    agent,
    host: apiHost,
    port: second.port,
    path: '/too-late',
  }).catch((error: unknown) => error);
  figures.writeToRefusal = performance.now() - write.sentAt;
  const code = pinErrorCode(outcome);
  const bytes = second.applicationBytes - before.bytes;
  narrator.promise(
    code === 'ERR_PIN_MISMATCH' && bytes === 0 && second.requests === before.requests,
    `the next request to it is ${code === undefined ? 'not refused' : `refused: ${code}`}, ${bytes} bytes of it were sent`,
  );
}
