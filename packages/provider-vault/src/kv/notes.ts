import { foreignText, type Secrets } from '../foreign-text.js';

/** What operators have written beside a secret. */
export type Notes = Readonly<Record<string, string>>;

// The vault's own limits.
const maxNotes = 64;
const maxNameLength = 128;
const maxTextLength = 512;

/** The custom metadata of a secret, fit to be shown; `undefined` where there is none. */
export function notesOf(customMetadata: unknown, secrets: Secrets): Notes | undefined {
  if (typeof customMetadata !== 'object' || customMetadata === null) return undefined;
  const notes = Object.entries(customMetadata)
    .filter((entry): entry is [string, string] => typeof entry[1] === 'string')
    .slice(0, maxNotes)
    .map(([name, text]) => [
      foreignText(name, secrets, maxNameLength),
      foreignText(text, secrets, maxTextLength),
    ]);
  return notes.length === 0 ? undefined : (Object.fromEntries(notes) as Notes);
}
