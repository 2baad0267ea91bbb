import { PinDocumentError } from '../errors.js';
import { printable } from '../internal/text.js';
import { type HostPattern, parseHostPattern, patternText } from './host-pattern.js';

/** In a document of one host, another name of that host: for people who see no reason to write it twice. */
const shortName = 'pins';

/** The canonical text of a key in the document of one host: `pins` says that host (normalised). */
export function ownPattern({ kind, name, port, text }: HostPattern, host: string): string {
  return kind === 'exact' && name === shortName ? patternText('exact', host, port) : text;
}

/**
 * A row for another host, or for more than this one, would look as if it governed something.
 *
 * @throws PinDocumentError (`ERR_DOCUMENT_MALFORMED`): the row is set aside
 */
export function refuseOtherHost(key: string, pattern: string, host: string): void {
  const { kind, name } = parseHostPattern(pattern);
  if (kind === 'exact' && name === host) return;
  throw new PinDocumentError(
    'ERR_DOCUMENT_MALFORMED',
    `row "${printable(key, 120)}": this is the document of ${host} alone`,
    {
      reason: 'bad-key',
      key,
      hint: `name the row "${host}" or "${shortName}", or write it into the secret of the other host`,
    },
  );
}
