import { HostPatternMap } from '../../policy/host-pattern.js';
import type { PinDocument } from '../../policy/document.js';

/**
 * What the fallback, one document for all hosts, says of one of them; `undefined` where it says nothing, so that the
 * host stays unloaded and is refused.
 */
export function restrictedTo(document: PinDocument, host: string): PinDocument | undefined {
  const fits = ({ pattern }: { readonly pattern: string }): boolean => {
    const patterns = new HostPatternMap<true>();
    patterns.set(pattern, true);
    const match = patterns.find(host, undefined);
    return match.found || match.needsPort;
  };
  const rows = document.rows.filter(fits);
  const badRows = document.badRows.filter(fits);
  if (rows.length + badRows.length === 0) return undefined;
  return Object.freeze({ ...document, rows: Object.freeze(rows), badRows: Object.freeze(badRows) });
}
