import type { PinEvent, PinResolver } from 'pinvault';
import type { Narrator } from '../narrator.js';
import { short } from '../scene.js';
import type { Stage } from '../stage.js';
import { pause } from '../waiting.js';
import { nextStep, type Step } from './guide.js';
import { changedRows, rowsInForce, type ShownRows } from './rows.js';
import type { Outcome, ServerKey, Traffic } from './traffic.js';

/** Time to read that both keys are accepted. */
const beforeSwitchMs = 2_000;

/** Looks, beat by beat, at what the service does, and says what is different. */
export class Live {
  readonly #narrator: Narrator;
  readonly #stage: Stage;
  readonly #pins: PinResolver;
  readonly #traffic: Traffic;
  readonly #news: PinEvent[];
  readonly #signal: AbortSignal;
  #revision = '';
  #rows: ShownRows;
  #server: ServerKey = 'old';
  #outcome = '';
  #step: Step['name'] | undefined;
  #away = false;
  #answeredAtEdit = 0;

  constructor(parts: {
    readonly narrator: Narrator;
    readonly stage: Stage;
    readonly pins: PinResolver;
    readonly traffic: Traffic;
    readonly news: PinEvent[];
    readonly signal: AbortSignal;
  }) {
    this.#narrator = parts.narrator;
    this.#stage = parts.stage;
    this.#pins = parts.pins;
    this.#traffic = parts.traffic;
    this.#news = parts.news;
    this.#signal = parts.signal;
    this.#rows = rowsInForce(parts.pins.snapshot.document);
    this.#revision = parts.pins.snapshot.revision;
  }

  async beat(): Promise<void> {
    const outcome = await this.#traffic.send();
    if (this.#signal.aborted) return;
    const isEdited = this.#tellEdit();
    for (const event of this.#news.splice(0)) this.#tellEvent(event);
    this.#tellConnections();
    // What came of the request may be from before the edit: the next one tells.
    if (isEdited) return;
    this.#tellOutcome(outcome);
    await this.#guide(outcome.kind === 'accepted');
  }

  /** Returns whether another version is in force than at the last beat. */
  #tellEdit(): boolean {
    const { revision, document } = this.#pins.snapshot;
    if (revision === this.#revision) return false;
    this.#revision = revision;
    const before = this.#rows;
    this.#rows = rowsInForce(document);
    const changes = changedRows(before, this.#rows);
    const answered = this.#traffic.answered - this.#answeredAtEdit;
    this.#answeredAtEdit = this.#traffic.answered;
    this.#narrator.say(`version ${revision} is in force, ${answered} requests after the last one:`);
    if (changes.length === 0) this.#narrator.say('no pin has changed by it');
    for (const { key, before: old, after } of changes) {
      if (old !== undefined) this.#narrator.rowDeleted(key, old);
      if (after !== undefined) this.#narrator.rowAdded(key, after);
    }
    // Said again after each edit, so that nobody wonders whether it counted.
    this.#outcome = '';
    this.#step = undefined;
    return true;
  }

  #tellEvent(event: PinEvent): void {
    switch (event.type) {
      case 'rowRejected':
        this.#narrator.warn(
          `row "${event.row.key}" of version ${event.revision} is set aside: ${event.row.code}`,
        );
        this.#narrator.quote(event.row.message);
        this.#narrator.say('its host keeps its last good pins; the other rows count as you edited them');
        break;
      case 'documentRejected':
        this.#narrator.warn(`version ${event.revision} is refused whole: ${event.error.code}`);
        this.#narrator.quote(event.error.message);
        this.#narrator.say(`the pins of version ${this.#revision} stay in force`);
        break;
      case 'refreshError':
        if (!this.#away)
          this.#narrator.warn(`the pins cannot be read; the last good ones serve: ${event.error.code}`);
        this.#away = true;
        break;
      case 'recovered':
        // A document that was refused is over with it, too, and the version in force says so.
        if (this.#away) this.#narrator.say('the pins can be read again');
        this.#away = false;
        break;
      case 'ready':
      case 'rotate':
      case 'stale':
      case 'expired':
      case 'mismatch':
      case 'close':
        break;
    }
  }

  #tellConnections(): void {
    for (const { key, end } of this.#traffic.takeEnded()) {
      this.#narrator.say(
        `the kept connection from ${end} ended, which was made under the ${nameOfKey(key)} key`,
      );
    }
  }

  #tellOutcome(outcome: Outcome): void {
    const text =
      outcome.kind === 'accepted'
        ? `requests are accepted: the server shows its ${nameOfKey(outcome.key)} key, ${this.#matching(outcome.key)}`
        : `requests are refused: ${outcome.code}, ${outcome.bytes} bytes of them were sent`;
    if (text === this.#outcome) return;
    this.#outcome = text;
    if (outcome.kind === 'accepted') this.#narrator.promise(true, text);
    else this.#narrator.warn(text);
  }

  #matching(key: ServerKey): string {
    const pin = this.#pinOf(key);
    const row = [...this.#rows].find(([, value]) => value.includes(pin))?.[0];
    return row === undefined ? 'of no row' : `of the row "${row}"`;
  }

  async #guide(isAccepted: boolean): Promise<void> {
    const pins = { old: this.#pinOf('old'), next: this.#pinOf('next') };
    const step = nextStep({ rows: this.#rows, server: this.#server, isAccepted, pins });
    if (step.name === this.#step) return;
    this.#step = step.name;
    for (const line of step.lines) this.#narrator.instruct(line);
    if (step.name !== 'switch') return;
    await pause(beforeSwitchMs, this.#signal);
    this.#stage.rollOut();
    this.#server = 'next';
    this.#narrator.say(`the server's key changes: ${short(pins.old)} → ${short(pins.next)}`);
  }

  #pinOf(key: ServerKey): string {
    return this.#stage.chains[key].leaf.pin;
  }
}

function nameOfKey(key: ServerKey): string {
  return key === 'old' ? 'old' : 'new';
}
