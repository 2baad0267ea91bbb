import type { KvStore } from './kv-store.js';
import {
  entryMetadata,
  envelope,
  errors,
  invalidPathAnswer,
  isObject,
  noContent,
  versionAnswer,
  versionMetadata,
  type VaultAnswer,
} from './vault-wire.js';

/** A request to the KV mount, taken apart. */
export interface KvRequest {
  readonly method: string;
  /** `data`, `metadata`, `delete`, `undelete` or `destroy`. */
  readonly endpoint: string;
  /** Path of the secret inside the mount, decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The parsed body; an empty object where there was none. */
  readonly body: Readonly<Record<string, unknown>>;
}

const endpoints: ReadonlySet<string> = new Set(['data', 'metadata', 'delete', 'undelete', 'destroy']);

/** Answers as Vault's KV v2 back end does. */
export function answerKv(store: KvStore, request: KvRequest): VaultAnswer {
  if (!endpoints.has(request.endpoint)) return invalidPathAnswer();
  switch (`${canonicalMethod(request.method)} ${request.endpoint}`) {
    case 'GET data':
      return readData(store, request);
    case 'POST data':
      return writeData(store, request);
    case 'DELETE data':
      store.delete(request.path, [0]);
      return noContent;
    case 'POST delete':
      return changeVersions(request, (versions) => store.delete(request.path, versions));
    case 'POST undelete':
      return changeVersions(request, (versions) => store.undelete(request.path, versions));
    case 'POST destroy':
      return changeVersions(request, (versions) => store.destroy(request.path, versions));
    case 'GET metadata':
      return readMetadata(store, request);
    case 'DELETE metadata':
      store.forget(request.path);
      return noContent;
    default:
      return errors(405, '1 error occurred:\n\t* unsupported operation\n\n');
  }
}

function canonicalMethod(method: string): string {
  return method === 'PUT' ? 'POST' : method;
}

function readData(store: KvStore, request: KvRequest): VaultAnswer {
  const asked = request.query.get('version') ?? '0';
  if (!/^\d+$/.test(asked)) {
    return errors(
      400,
      `Field validation failed: error converting input for field "version": strconv.ParseInt: parsing "${asked}": invalid syntax`,
    );
  }
  const found = store.version(request.path, Number(asked));
  return found === undefined ? errors(404) : versionAnswer(found);
}

function writeData(store: KvStore, request: KvRequest): VaultAnswer {
  const { data, options } = request.body;
  if (data === undefined) return errors(400, 'no data provided');
  if (data !== null && !isObject(data)) {
    return errors(400, `error converting input for field "data": expected a map, got '${typeof data}'`);
  }
  const cas = isObject(options) ? options['cas'] : undefined;
  if (cas !== undefined && Number.isNaN(Number(cas)))
    return errors(400, 'error parsing check-and-set parameter');
  if (cas !== undefined && Number(cas) !== store.currentVersion(request.path)) {
    return errors(400, 'check-and-set parameter did not match the current version');
  }
  return envelope(versionMetadata(store.write(request.path, data)));
}

function changeVersions(request: KvRequest, change: (versions: readonly number[]) => void): VaultAnswer {
  const versions = parseVersions(request.body['versions']);
  if (versions.length === 0) return errors(400, 'No version number provided');
  change(versions);
  return noContent;
}

// A list, one number, or a text with commas: Vault decodes them all.
function parseVersions(asked: unknown): number[] {
  const list: unknown[] = typeof asked === 'string' ? asked.split(',') : [asked ?? []].flat();
  return list.map(Number).filter((version) => version > 0);
}

function readMetadata(store: KvStore, request: KvRequest): VaultAnswer {
  const entry = store.entry(request.path);
  return entry === undefined ? errors(404) : envelope(entryMetadata(entry));
}
