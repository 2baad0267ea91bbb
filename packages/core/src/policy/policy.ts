import { Pin } from '../pin/pin.js';
import {
  type BadRow,
  type DocumentRow,
  type EnforcementMode,
  type PinDocument,
  type PinEntry,
  rowsByPattern,
} from './document.js';
import { HostPatternMap } from './host-pattern.js';

/** What the document says of one pattern, made ready for look-ups. */
export interface PinRule {
  readonly kind: 'pins';
  readonly pattern: string;
  readonly mode: EnforcementMode;
  readonly pins: readonly PinEntry[];
  /** By digest: what a leaf's key, a leaf's certificate, a CA's key may match. */
  readonly leafKeys: ReadonlyMap<string, PinEntry>;
  readonly leafCertificates: ReadonlyMap<string, PinEntry>;
  readonly caKeys: ReadonlyMap<string, PinEntry>;
}

/** The rule of one pattern. `quarantined`: it has bad rows and no good one, now or earlier. */
export type Rule =
  | PinRule
  | { readonly kind: 'none' | 'block'; readonly pattern: string }
  | { readonly kind: 'quarantined'; readonly pattern: string; readonly badRow: BadRow };

/** What governs a host. */
export type Governing = Rule | { readonly kind: 'uncovered'; readonly needsPort: boolean };

/** A document, indexed. Immutable as seen from outside. */
export class Policy {
  readonly document: PinDocument;
  /** Digests (base64) under `$revoked`, and the certificates (hex). */
  readonly revokedLeafKeys: ReadonlySet<string>;
  readonly revokedAnyKeys: ReadonlySet<string>;
  readonly revokedCertificates: ReadonlySet<string>;
  readonly #entries: HostPatternMap<Entry>;

  constructor(document: PinDocument) {
    this.document = document;
    this.#entries = indexOf(document);
    const digests = (where: 'leaf' | 'any-certificate', subject: 'spki' | 'certificate'): Set<string> =>
      new Set(
        document.revoked
          .filter((revoked) => revoked.where === where)
          .map((revoked) => Pin.parse(revoked.pin))
          .filter((pin) => pin.subject === subject)
          .map((pin) => pin.digest),
      );
    this.revokedAnyKeys = digests('any-certificate', 'spki');
    this.revokedLeafKeys = new Set([...digests('leaf', 'spki'), ...this.revokedAnyKeys]);
    this.revokedCertificates = digests('leaf', 'certificate');
  }

  /** The most specific rule for a normalised host. */
  lookup(host: string, port: number | undefined): Governing {
    const match = this.#entries.find(host, port);
    return match.found ? ruleOf(match.value) : { kind: 'uncovered', needsPort: match.needsPort };
  }
}

/** The rows of one pattern; what they say is worked out when it is first asked for. */
interface Entry {
  readonly pattern: string;
  readonly rows: readonly DocumentRow[];
  readonly badRow?: BadRow;
  rule?: Rule;
}

// A refresh asks several times for the policy of one document, and of the one before it.
const indexes = new WeakMap<PinDocument, HostPatternMap<Entry>>();

function indexOf(document: PinDocument): HostPatternMap<Entry> {
  let index = indexes.get(document);
  if (index === undefined) {
    index = indexRows(document);
    indexes.set(document, index);
  }
  return index;
}

function indexRows(document: PinDocument): HostPatternMap<Entry> {
  const entries = new HostPatternMap<Entry>();
  for (const [pattern, rows] of rowsByPattern(document)) entries.set(pattern, { pattern, rows });
  for (const badRow of document.badRows) {
    const { pattern } = badRow;
    if (entries.get(pattern) === undefined) entries.set(pattern, { pattern, rows: [], badRow });
  }
  return entries;
}

function ruleOf(entry: Entry): Rule {
  const { pattern, rows, badRow } = entry;
  entry.rule ??= badRow === undefined ? ruleFrom(pattern, rows) : { kind: 'quarantined', pattern, badRow };
  return entry.rule;
}

function ruleFrom(pattern: string, rows: readonly DocumentRow[]): Rule {
  // Kept rows can stand beside new ones; the stricter side holds here too.
  if (rows.some((row) => row.rule === 'block')) return { kind: 'block', pattern };
  if (rows.every((row) => row.rule === 'none')) return { kind: 'none', pattern };
  const modes = rows.map((row) => row.mode).filter((mode) => mode !== undefined);
  const pins = rows.flatMap((row) => row.pins);
  const leafKeys = new Map<string, PinEntry>();
  const leafCertificates = new Map<string, PinEntry>();
  const caKeys = new Map<string, PinEntry>();
  for (const entry of pins) {
    const { subject, digest, role } = Pin.parse(entry.pin);
    if (subject === 'certificate') keepLonger(leafCertificates, digest, entry);
    else {
      if (role !== 'ca') keepLonger(leafKeys, digest, entry);
      if (role !== 'leaf') keepLonger(caKeys, digest, entry);
    }
  }
  const mode = modes.length > 0 && modes.every((each) => each === 'report') ? 'report' : 'enforce';
  return { kind: 'pins', pattern, mode, pins, leafKeys, leafCertificates, caKeys };
}

/** One pin in two rows counts as long as the longer of them says. */
function keepLonger(entries: Map<string, PinEntry>, digest: string, entry: PinEntry): void {
  const other = entries.get(digest);
  if (other === undefined || (entry.until ?? Infinity) > (other.until ?? Infinity))
    entries.set(digest, entry);
}
