import { apiHost } from '../stage.js';
import type { ShownRows } from './rows.js';
import type { ServerKey } from './traffic.js';

/** Where a rotation stands. */
export interface Situation {
  readonly rows: ShownRows;
  /** The key that the server has now. */
  readonly server: ServerKey;
  /** Whether a request with a handshake of its own was answered just now. */
  readonly isAccepted: boolean;
  readonly pins: Readonly<Record<ServerKey, string>>;
}

/** Which step comes next: its name, and what to do, line by line. */
export interface Step {
  readonly name: 'add' | 'switch' | 'delete' | 'done' | 'undo' | 'open' | 'wrong-pin' | 'revoked';
  readonly lines: readonly string[];
}

/** The runbook of docs/operators.md, as far as these rows and this server are. */
export function nextStep({ rows, server, isAccepted, pins }: Situation): Step {
  const has = (key: ServerKey): boolean => rowsOf(rows).some((value) => value.includes(pins[key]));
  if ([...rows].some(([key, value]) => key.startsWith('$revoked') && value.includes(pins[server]))) {
    return step(
      'revoked',
      `The server's own key is under $revoked: nobody talks to it, whatever the other rows say.`,
      'To go on playing: "Create new version", the bin beside the row $revoked, "Save".',
    );
  }
  if (!has(server)) return isAccepted ? open : undo(server);
  if (server === 'next') return has('old') ? deleteOld : done;
  if (has('next')) return step('switch', 'Both keys are accepted now. Next: the server gets its new key.');
  if (rowsOf(rows).length > 1) {
    return step(
      'wrong-pin',
      'There is a second pin, and it is of no key that the server is going to have. The next key is',
      `    ${pins.next}`,
      '"Create new version", correct the value of that row, "Save".',
    );
  }
  return step(
    'add',
    'Step 1: add the pin of the next key. Click "Create new version", and in the empty row enter',
    `    key    ${apiHost}#next`,
    `    value  ${pins.next}`,
    'then "Add" and "Save".',
  );
}

const deleteOld = step(
  'delete',
  'Step 2: the old key has served its time. "Create new version", click the bin beside the row',
  `    ${apiHost}`,
  'and "Save".',
);

const open = step(
  'open',
  "Requests are accepted, and no pin of the server's key is why: that is what none and mode=report are for, in",
  'an emergency. Whoever has a certificate is accepted now. When it is over, put the pin back.',
);

const done = step(
  'done',
  'That was a rotation: no restart, no deployment. Now break things:',
  '  · lose some letters of a pin: that row is set aside and named, the host keeps its last good pins',
  '  · delete the row, or give it the pin of another key: the server is refused',
  '  · undo: "Version …", an old one, "Create new version", "Save"',
  `  · add the row $revoked#leak with the server's pin: its connections end at once`,
);

function undo(server: ServerKey): Step {
  return step(
    'undo',
    `No row accepts the server's key (the ${server === 'old' ? 'old' : 'new'} one). That is how an edit that came too early looks.`,
    'Undo it: "Version …", choose the one before, "Create new version", "Save".',
  );
}

function rowsOf(rows: ShownRows): string[] {
  return [...rows]
    .filter(([key]) => key === apiHost || key.startsWith(`${apiHost}#`))
    .map(([, value]) => value);
}

function step(name: Step['name'], ...lines: readonly string[]): Step {
  return { name, lines };
}
