import { misconfigured } from '../environment.js';
import type { SecretPath } from '../secret-path.js';

/** A KV back end: where it is mounted, and which of its two APIs it speaks. */
export interface KvMount {
  /** Without slashes at its ends. */
  readonly path: string;
  readonly version: 1 | 2;
}

/** Where a secret lies in the API of its back end. */
export interface KvLocation {
  /** For people, as `vault kv get` takes it. */
  readonly text: string;
  readonly mount: string;
  readonly version: 1 | 2;
  /** As a policy names it: `secret/data/tls-pins`, or `kv1/tls-pins`. */
  readonly policyPath: string;
  /** For requests: the same, each segment encoded. */
  readonly dataPath: string;
  /** For requests that look at the versions; version 1 has none. */
  readonly metadataPath: string | undefined;
}

/** @throws PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) where the path names no secret of that mount */
export function locate({ text, segments, isMountSaid }: SecretPath, { path, version }: KvMount): KvLocation {
  const mount = path.split('/');
  if (mount.some((segment, index) => segments[index] !== segment))
    throw misconfigured(`vault.path is ${text}, which does not lie in the mount "${path}/"`);
  const inside = segments.slice(mount.length);
  if (inside.length === 0)
    throw misconfigured(`vault.path is ${text}, which is a mount: <mount>/<path>, such as ${path}/tls-pins`);
  if (version === 2 && inside[0] === 'data' && !isMountSaid && mount.length > 1)
    throw misconfigured(
      `vault.path is ${text}, which holds the API's "data" segment: write it as vault kv get does; a secret that is really named so needs vault.mount`,
    );
  const api = (part: string): string[] => [...mount, ...(version === 2 ? [part] : []), ...inside];
  return {
    text,
    mount: path,
    version,
    policyPath: api('data').join('/'),
    dataPath: encodedPath(api('data')),
    metadataPath: version === 2 ? encodedPath(api('metadata')) : undefined,
  };
}

/** Segments as a request names them. */
export function encodedPath(segments: readonly string[]): string {
  return segments.map(encodeURIComponent).join('/');
}
