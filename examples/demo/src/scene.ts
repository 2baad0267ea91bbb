import type { PinnedAgent, PinResolver } from 'pinvault';
import type { EventLog } from './event-log.js';
import type { Load, Tally } from './load.js';
import type { Narrator } from './narrator.js';
import type { Operator } from './operator.js';
import type { Stage } from './stage.js';
import { pause } from './waiting.js';
import type { DemoVault } from './vault.js';

/** What a chapter has at hand. */
export interface Scene {
  readonly narrator: Narrator;
  readonly stage: Stage;
  readonly vault: DemoVault;
  readonly operator: Operator;
  readonly pins: PinResolver;
  /** The service's one pinned agent. */
  readonly agent: PinnedAgent;
  readonly load: Load;
  readonly events: EventLog;
  readonly figures: Figures;
  readonly signal: AbortSignal;
}

/** What the chapters measure for the summary. Times are in ms. */
export interface Figures {
  attackerRefused: number;
  attackerAccepted: number;
  attackerBytes: number;
  bytesWithoutPins: number;
  writeToNextPin?: number;
  writeToDeletion?: number;
  writeToIdleGone?: number;
  writeToRefusal?: number;
}

/** Lets the load run for a while. Returns what came of it. */
export async function watch({ load, signal }: Scene, milliseconds: number): Promise<Tally> {
  const before = load.tally;
  await pause(milliseconds, signal);
  return load.since(before);
}

/** Time to read, while the load goes on. */
export async function breathe(scene: Scene): Promise<void> {
  await watch(scene, 1_000);
}

export function seconds(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '–' : `${(milliseconds / 1_000).toFixed(3)} s`;
}

/** The common name of a certificate's subject. */
export function nameOf({ subject }: { readonly subject: string }): string {
  return subject.replace(/^CN=/, '');
}

/** The beginning of a pin, enough to tell it from the others. */
export function short(pin: string): string {
  return `${pin.slice(0, 'sha256/'.length + 8)}…`;
}
