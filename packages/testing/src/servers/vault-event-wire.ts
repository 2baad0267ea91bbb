import { randomUUID } from 'node:crypto';

/** Whether an event of this type is among those of a subscription: `kv-v2/data-*` takes `kv-v2/data-write`. */
export function matchesType(wanted: string, type: string): boolean {
  const [start = '', ...rest] = wanted.split('*');
  const end = rest.at(-1);
  return end === undefined ? wanted === type : type.startsWith(start) && type.endsWith(end);
}

/** Deleting names the request's path only; who has no root token is not told of what names no other. */
export function hasDataPath(type: string): boolean {
  return !type.endsWith('delete');
}

/** An event as Vault Enterprise sends it with `json=true`: a CloudEvent around the plugin's own. */
export function eventOf(type: string, path: string): Record<string, unknown> {
  const id = randomUUID();
  const [plugin = '', operation = ''] = type.split('/');
  const dataPath = hasDataPath(type) ? { data_path: path } : {};
  return {
    id,
    source: 'vault://vault-cluster-stand-in',
    specversion: '1.0',
    type: '*',
    data: {
      event: { id, metadata: { ...dataPath, modified: 'true', operation, path } },
      event_type: type,
      plugin_info: {
        mount_class: 'secret',
        mount_accessor: 'kv_5dc4d18e',
        mount_path: `${path.split('/')[0] ?? ''}/`,
        plugin: 'kv',
        version: plugin.slice(-1),
      },
    },
    datacontentype: 'application/cloudevents',
    time: new Date().toISOString(),
  };
}
