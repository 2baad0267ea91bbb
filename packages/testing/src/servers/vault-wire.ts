import { randomUUID } from 'node:crypto';
import type { KvData, KvEntry, KvVersion } from './kv-store.js';

/** An answer of Vault: status and JSON body; no body for 204. */
export interface VaultAnswer {
  readonly status: number;
  readonly body?: unknown;
}

/** 204: done, nothing to say. */
export const noContent: VaultAnswer = { status: 204 };

/** Vault's only error shape. */
export function errors(status: number, ...messages: readonly string[]): VaultAnswer {
  return { status, body: { errors: messages } };
}

/** Vault's envelope around `data`. */
export function envelope(
  data: unknown,
  status = 200,
  warnings: readonly string[] | null = null,
): VaultAnswer {
  return {
    status,
    body: {
      request_id: randomUUID(),
      lease_id: '',
      renewable: false,
      lease_duration: 0,
      data,
      wrap_info: null,
      warnings,
      auth: null,
    },
  };
}

/** A path without `data/` and its like, as a client sends that takes the mount for KV version 1. */
export function invalidPathAnswer(): VaultAnswer {
  const advice = 'See the API docs for the appropriate API endpoints to use.';
  return envelope(null, 404, [`Invalid path for a versioned K/V secrets engine. ${advice}`]);
}

/** Metadata of one version, as beside its data and as the answer to a write. */
export function versionMetadata(version: KvVersion): Record<string, unknown> {
  return {
    created_time: version.createdTime,
    custom_metadata: null,
    deletion_time: version.deletionTime,
    destroyed: version.destroyed,
    version: version.version,
  };
}

/** The answer to a read: a version without data is a 404 that still has its metadata. */
export function versionAnswer(version: KvVersion): VaultAnswer {
  const readable = version.deletionTime === '' && !version.destroyed;
  const data = readable ? sortKeys(version.data) : null;
  return envelope({ data, metadata: versionMetadata(version) }, readable ? 200 : 404);
}

/** `data` of a metadata read. */
export function entryMetadata(entry: KvEntry): Record<string, unknown> {
  const versions = [...entry.versions.values()];
  return {
    cas_required: false,
    created_time: entry.createdTime,
    current_version: entry.currentVersion,
    custom_metadata: null,
    delete_version_after: '0s',
    max_versions: 0,
    oldest_version: entry.oldestVersion,
    updated_time: entry.updatedTime,
    versions: Object.fromEntries(
      versions.map(({ version, createdTime, deletionTime, destroyed }) => [
        String(version),
        { created_time: createdTime, deletion_time: deletionTime, destroyed },
      ]),
    ),
  };
}

/** `sys/health`: 503 while sealed, and without a token either way. */
export function healthAnswer(sealed: boolean, clusterId: string): VaultAnswer {
  return {
    status: sealed ? 503 : 200,
    body: {
      initialized: true,
      sealed,
      standby: false,
      performance_standby: false,
      replication_performance_mode: 'disabled',
      replication_dr_mode: 'disabled',
      server_time_utc: Math.floor(Date.now() / 1000),
      version: '1.20.4',
      enterprise: false,
      ...(!sealed && { cluster_name: 'vault-cluster-dev', cluster_id: clusterId }),
    },
  };
}

/** `sys/capabilities-self` for a root token. */
export function capabilitiesAnswer(asked: KvData | undefined): VaultAnswer {
  const paths: unknown = asked?.['paths'];
  if (!Array.isArray(paths)) return errors(400, 'paths must be supplied');
  const capabilities = Object.fromEntries(paths.map((path) => [String(path), ['root']]));
  return envelope({ ...capabilities, capabilities: ['root'] });
}

/** `auth/token/lookup-self` for a root token that never ends. */
export function tokenAnswer(token: string, createdAt: number): VaultAnswer {
  return envelope({
    accessor: 'dev-token-accessor',
    creation_time: Math.floor(createdAt / 1000),
    creation_ttl: 0,
    display_name: 'token',
    entity_id: '',
    expire_time: null,
    explicit_max_ttl: 0,
    id: token,
    meta: null,
    num_uses: 0,
    orphan: true,
    path: 'auth/token/root',
    policies: ['root'],
    renewable: false,
    ttl: 0,
    type: 'service',
  });
}

/** `sys/internal/ui/mounts/<mount>/…`: how clients find out that a mount is KV version 2. */
export function mountAnswer(mount: string): VaultAnswer {
  const description = 'key/value secret storage';
  return envelope({ description, local: false, options: { version: '2' }, path: `${mount}/`, type: 'kv' });
}

/** Whether a decoded JSON value is an object with members. */
export function isObject(value: unknown): value is KvData {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Vault keeps a Go map: whatever order rows were written in, they come back sorted.
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) =>
    Buffer.compare(Buffer.from(left), Buffer.from(right)),
  );
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]));
}
