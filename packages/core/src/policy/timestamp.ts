const form =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt]([01]\d|2[0-3]):(\d{2}):(\d{2})(?:\.\d+)?([Zz]|[+-]\d{2}:\d{2}))?$/u;

/**
 * The last instant of an RFC 3339 time or date, in epoch ms; a date means the end of that day, UTC. `undefined` where
 * the text is neither, or names a day that does not exist.
 */
export function parseLastInstant(text: string): number | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (month < 1 || month > 12 || day < 1 || day > lastDay) return undefined;
  const instant = Date.parse(match[4] === undefined ? `${text}T23:59:59.999Z` : text.toUpperCase());
  return Number.isNaN(instant) ? undefined : instant;
}
