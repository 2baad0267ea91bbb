import { callApi } from './open-bao-api.js';
import type { Edit, EditAnswer } from './operator-process.js';

// The operator's own process: a token of its own, and nothing shared with the service but the vault.
const [address = '', token = ''] = [process.env['OPERATOR_ADDRESS'], process.env['OPERATOR_TOKEN']];
const path = 'secret/data/tls-pins';

interface Secret {
  readonly data?: {
    readonly data?: Record<string, string>;
    readonly metadata?: { readonly version: number };
  };
}

/** As a user interface does it: read all rows, change some, write all with check-and-set. */
async function apply(edit: Edit): Promise<EditAnswer> {
  const { data } = (await callApi({ address, method: 'GET', path, token })).body as Secret;
  const rows = new Map(Object.entries(data?.data ?? {}));
  for (const [key, value] of Object.entries(edit)) {
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
  const body = { options: { cas: data?.metadata?.version ?? 0 }, data: Object.fromEntries(rows) };
  const written = await callApi({ address, method: 'POST', path, body, token });
  const version = (written.body as { data?: { version?: number } }).data?.version;
  return { status: written.status, revision: String(version), writtenAt: Date.now() };
}

process.on('message', (edit: Edit) => {
  void apply(edit).then((answer) => process.send?.(answer));
});
