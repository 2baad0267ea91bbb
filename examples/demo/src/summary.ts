import type { Load } from './load.js';
import type { Narrator } from './narrator.js';
import { type Scene, seconds } from './scene.js';
import { payHost } from './stage.js';

/** Every lost request is a broken promise; the first few are enough to see why. */
export function reportLosses({ losses }: Load, narrator: Narrator): void {
  for (const loss of losses.slice(0, 3)) narrator.promise(false, `lost: ${loss}`);
  if (losses.length > 3) narrator.promise(false, `lost: ${losses.length - 3} more`);
}

/** The figures of the whole story, and the promises that only the whole can break. */
export function summarise(scene: Scene): void {
  const { narrator, load, stage, pins, figures } = scene;
  const { answered, lost, fresh } = load.tally;
  const { rotations } = pins.status().counters;
  const { open, ever } = load.keptTo(payHost);
  const count = (value: number): string => value.toLocaleString('en');

  narrator.heading('Summary');
  narrator.figure(
    'requests answered',
    count(answered),
    `${count(fresh)} of them with a handshake of their own`,
  );
  narrator.figure('requests lost', count(lost));
  narrator.figure(
    'attacker: requests refused',
    count(figures.attackerRefused),
    `accepted: ${figures.attackerAccepted}`,
  );
  narrator.figure(
    'attacker: bytes received',
    count(figures.attackerBytes),
    `from the client without pins: ${figures.bytesWithoutPins}`,
  );
  narrator.figure('rotations of the pins', count(rotations), 'no restart, no deployment');
  narrator.figure(
    'write → next pin accepted',
    seconds(figures.writeToNextPin),
    'the vault is read every second',
  );
  narrator.figure('write → old pin out of force', seconds(figures.writeToDeletion));
  narrator.figure('write → idle connection gone', seconds(figures.writeToIdleGone));
  narrator.figure('write → old key refused', seconds(figures.writeToRefusal));
  narrator.figure(
    'connections kept warm throughout',
    `${open} of ${ever}`,
    `to ${payHost}, whose pin never changed`,
  );

  if (open !== ever || open === 0)
    narrator.promise(false, `connections to ${payHost} were dropped without need`);
  if (rotations !== 3) narrator.promise(false, `three rotations were written, ${rotations} were seen`);
  if (figures.attackerAccepted > 0) narrator.promise(false, 'the attacker was accepted');
  if (stage.stolen.length !== 1)
    narrator.promise(false, `the attacker has read ${stage.stolen.length} requests`);
}
