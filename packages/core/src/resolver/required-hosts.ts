import { PinDocumentError } from '../errors.js';
import {
  type BadRow,
  type DocumentRow,
  inOrder,
  type PinDocument,
  rowKey,
  rowsByPattern,
} from '../policy/document.js';
import type { Target } from '../policy/host.js';
import { parseHostPattern } from '../policy/host-pattern.js';
import { type Governing, Policy } from '../policy/policy.js';

/**
 * The hosts whose pins no edit takes away, with the last enforced pins of each. They are remembered for the life of the
 * process: an edit in two steps (blocked first, opened second) must not get further than one in a single step.
 */
export class RequiredHosts {
  readonly #targets: readonly Target[];
  readonly #lastPins = new Map<string, readonly DocumentRow[]>();

  constructor(targets: readonly Target[]) {
    this.#targets = targets;
  }

  /**
   * `next` with the last pins of each required host that it drops, opens or only reports.
   *
   * @throws PinDocumentError (`ERR_DOCUMENT_REQUIRED_HOST`) where a required host has no pins and never had any
   */
  keep(next: PinDocument, previous: PinDocument | undefined): PinDocument {
    if (this.#targets.length === 0) return next;
    const policy = new Policy(next);
    const before = previous === undefined ? undefined : new Policy(previous);
    const rowsNow = rowsByPattern(next);
    const keptRows = new Map<string, readonly DocumentRow[]>();
    const rowsBefore = previous === undefined ? undefined : rowsByPattern(previous);
    const badRows: BadRow[] = [];
    const found = new Map<string, readonly DocumentRow[]>();
    const ports = portsOf(next);
    for (const { host, port, isImplied } of this.#targets.flatMap((target) => withPorts(target, ports))) {
      const governing = policy.lookup(host, port);
      const pattern = exactPattern(host, port);
      const problem = whyNotPinned(governing, before !== undefined);
      if (problem === undefined) {
        if (governing.kind === 'pins') found.set(pattern, rowsNow.get(governing.pattern) ?? []);
        continue;
      }
      const last = before?.lookup(host, port);
      if (isImplied && !opensPort(governing, last)) continue;
      const lastRows =
        last?.kind === 'pins' && last.mode === 'enforce' ? rowsBefore?.get(last.pattern) : undefined;
      const pins = lastRows ?? this.#lastPins.get(pattern) ?? this.#lastPins.get(host);
      const isKept = previous !== undefined && pins !== undefined;
      const error = requiredHostError(pattern, problem, isKept);
      if (!isKept) throw error;
      keptRows.set(
        pattern,
        pins.map(({ mode: _mode, ...row }) =>
          Object.freeze({ ...row, pattern, kept: 'required-host' as const }),
        ),
      );
      const { code, reason, message } = error;
      badRows.push(Object.freeze({ pattern, key: pattern, code, reason, message }));
    }
    for (const [pattern, pins] of found) this.#lastPins.set(pattern, pins);
    if (badRows.length === 0) return next;
    const all = [...new Map([...rowsNow, ...keptRows]).values()].flat();
    return Object.freeze({
      ...next,
      rows: inOrder(new Map(all.map((row) => [rowKey(row), row]))),
      badRows: Object.freeze([...next.badRows, ...badRows]),
    });
  }
}

/** A host that is required whatever the port is not to be unpinned by a row for one port either. */
function withPorts(target: Target, ports: ReadonlySet<number>): (Target & { readonly isImplied: boolean })[] {
  const own = { ...target, isImplied: false };
  if (target.port !== undefined) return [own];
  return [own, ...[...ports].map((port) => ({ host: target.host, port, isImplied: true }))];
}

/** Whether a row for one port opens what was closed; a port that was open from the start may stay so. */
function opensPort(governing: Governing, last: Governing | undefined): boolean {
  if (governing.kind !== 'none' && governing.kind !== 'pins') return false;
  if (last === undefined || parseHostPattern(governing.pattern).port === undefined) return false;
  return last.kind !== 'none' && !(last.kind === 'pins' && last.mode === 'report');
}

function portsOf(document: PinDocument): ReadonlySet<number> {
  const patterns = document.rows.map(({ pattern }) => pattern).filter((pattern) => pattern.includes(':'));
  const ports = patterns.map((pattern) => parseHostPattern(pattern).port);
  return new Set(ports.filter((port) => port !== undefined));
}

/** A required host may be blocked later, which is stricter than any pin; at the start it has to be pinned. */
function whyNotPinned(governing: Governing, isRunning: boolean): string | undefined {
  switch (governing.kind) {
    case 'pins':
      return governing.mode === 'report' ? 'is only in report mode' : undefined;
    case 'block':
      return isRunning ? undefined : 'is blocked';
    case 'none':
      return 'says none';
    case 'quarantined':
      return 'has no usable row';
    case 'uncovered':
      return 'has no row';
  }
}

function requiredHostError(host: string, problem: string, hasLastPins: boolean): PinDocumentError {
  const outcome = hasLastPins ? '; its last pins stay in force' : '';
  return new PinDocumentError(
    'ERR_DOCUMENT_REQUIRED_HOST',
    `the required host ${host} ${problem}${outcome}`,
    {
      reason: 'required-host',
      key: host,
      hint: `add the row "${host}": "sha256/<its pin>", or take the host out of requiredHosts`,
    },
  );
}

function exactPattern(host: string, port: number | undefined): string {
  if (port === undefined) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
