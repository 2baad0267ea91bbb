import { invalidOption, normaliseHost } from '@pinvault/core';

/** Where a secret lies, as `vault kv get` takes it; with `{host}` in it, where those of the hosts lie. */
export interface SecretPath {
  /** For people. */
  readonly text: string;
  readonly segments: readonly string[];
  /** The mount as it was said, else the first segment, which the vault may know better. */
  readonly mount: string;
  readonly isMountSaid: boolean;
}

const pathOption = 'vault.path (PINVAULT_VAULT_PATH)';
const placeholder = '{host}';

/**
 * Reads `<mount>/<path>`. Each segment is validated: what looks like a way out of the folder would be normalised away by
 * URL parsers and could reach another part of the API.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`)
 */
export function parseSecretPath(path: string, mount?: string): SecretPath {
  if (typeof path !== 'string' || path === '') {
    throw invalidOption(pathOption, 'is missing: the secret, as <mount>/<path>, such as secret/tls-pins');
  }
  const segments = readSegments(pathOption, path);
  const mountSegments = mount === undefined ? segments.slice(0, 1) : readSegments('vault.mount', mount);
  if (mountSegments.some((segment, index) => segments[index] !== segment)) {
    throw invalidOption(pathOption, `does not begin with the mount "${mountSegments.join('/')}"`);
  }
  const inside = segments.slice(mountSegments.length);
  refuseOddPlaceholders(mountSegments, inside);
  if (inside.length === 0)
    throw invalidOption(
      pathOption,
      'names a mount, but no secret in it: <mount>/<path>, such as secret/tls-pins',
    );
  if (inside[0] === 'data' && mount === undefined) {
    throw invalidOption(
      pathOption,
      'holds the API\'s "data" segment: write it as vault kv get does, secret/tls-pins; a secret that is really named so needs vault.mount',
    );
  }
  return {
    text: segments.join('/'),
    segments,
    mount: mountSegments.join('/'),
    isMountSaid: mount !== undefined,
  };
}

/** Whether the path is that of one secret per host. */
export function isPerHost({ text }: SecretPath): boolean {
  return text.includes(placeholder);
}

/**
 * The secret of one host: `{host}` says its normalised name, which is one segment whatever was asked for. It holds letters,
 * digits, `.`, `_` and `-`, and in an IPv6 literal `:`; it is never empty, `.` or `..`.
 *
 * @throws HostSyntaxError for a text that is no host
 */
export function secretOf(template: SecretPath, host: string): SecretPath {
  const name = normaliseHost(host);
  const segments = template.segments.map((segment) => segment.replace(placeholder, name));
  return { ...template, text: segments.join('/'), segments };
}

/** A slip such as `{Host}` would be one secret of that name. @throws TypeError (`ERR_INVALID_OPTION`) */
function refuseOddPlaceholders(mountSegments: readonly string[], inside: readonly string[]): void {
  if (mountSegments.some((segment) => segment.includes(placeholder)))
    throw invalidOption(pathOption, `holds ${placeholder} in its mount: hosts share one mount`);
  const [first, second] = inside.join('/').match(/\{+[^{}/]*\}+/gu) ?? [];
  if (second !== undefined) throw invalidOption(pathOption, `holds more than one ${placeholder}`);
  if (first !== undefined && first !== placeholder)
    throw invalidOption(pathOption, `holds ${first}, but the only placeholder is ${placeholder}`);
}

function readSegments(option: string, path: string): string[] {
  const segments = path.replace(/^\/|\/$/gu, '').split('/');
  for (const segment of segments) {
    if (segment === '')
      throw invalidOption(option, 'holds an empty segment: <mount>/<path>, such as secret/tls-pins');
    if (segment === '.' || segment === '..')
      throw invalidOption(option, `holds "${segment}": write the whole path, such as secret/tls-pins`);
    if (/[\p{Cc}\p{Cf}\p{Cs}\\?#%]/u.test(segment))
      throw invalidOption(option, 'holds a character that a secret path cannot have');
  }
  return segments;
}
