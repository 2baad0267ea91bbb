import { member } from '../answer.js';
import type { KvLocation } from '../kv/location.js';

/** What an event may mean for the secrets that are read. */
export interface Hint {
  /** The host whose secret it names, where each host has one. */
  readonly host?: string | undefined;
}

/** The events of a back end that tell of other content; those of other kinds come at the next read. */
export function eventTypeFor({ version }: KvLocation): string {
  return version === 2 ? 'kv-v2/data-*' : 'kv-v1/*';
}

/** Reads an event; `undefined` for one that concerns other secrets, or changes nothing. */
export type HintReader = (text: string) => Hint | undefined;

/**
 * An event is a hint to read and no more: what it says is compared with the path, and otherwise believed in nothing. One
 * that cannot be understood is a hint, too.
 */
export function hintReaderFor({ policyPath }: KvLocation): HintReader {
  const [before = '', after] = policyPath.split('{host}').map(escaped);
  // In a namespace the path may begin with its name.
  const path = new RegExp(`(?:^|/)${before}${after === undefined ? '' : `([^/]+)${after}`}$`, 'u');
  return (text) => {
    const event = parsed(text);
    const type = member(event, 'data', 'event_type');
    // Our own read must not be what makes us read.
    if (typeof type === 'string' && type.endsWith('read')) return undefined;
    const metadata = member(event, 'data', 'event', 'metadata');
    const named = member(metadata, 'data_path') ?? member(metadata, 'path');
    if (typeof named !== 'string') return {};
    const match = path.exec(named);
    return match === null ? undefined : { host: match[1] };
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');
}
