import { expect } from 'chai';
import { eventTypeFor, hintReaderFor } from '#src/events/event-hint.js';
import { type KvLocation, locate } from '#src/kv/location.js';
import { parseSecretPath } from '#src/secret-path.js';

function located(path: string, version: 1 | 2 = 2): KvLocation {
  return locate(parseSecretPath(path), { path: path.split('/')[0] ?? '', version });
}

function event(metadata: object, event_type = 'kv-v2/data-write'): string {
  return JSON.stringify({ data: { event: { metadata }, event_type } });
}

describe('an event of a vault', () => {
  const hintOf = hintReaderFor(located('secret/tls.pins'));

  it('is of the kind that the back end has', () => {
    expect(eventTypeFor(located('secret/x'))).to.equal('kv-v2/data-*');
    expect(eventTypeFor(located('secret/x', 1))).to.equal('kv-v1/*');
  });

  it('is a hint where it names the secret, in a namespace too', () => {
    for (const path of ['secret/data/tls.pins', 'team/secret/data/tls.pins', '/secret/data/tls.pins'])
      expect(hintOf(event({ path })), path).to.deep.equal({ host: undefined });
    // As a version is deleted, without a data_path; as one is restored, with both.
    expect(hintOf(event({ path: 'secret/data/tls.pins', operation: 'data-delete' }))).not.to.equal(undefined);
    const both = { path: 'secret/undelete/tls.pins', data_path: 'secret/data/tls.pins' };
    expect(hintOf(event(both))).not.to.equal(undefined);
  });

  it('is none where it names another secret, or tells of a read', () => {
    for (const path of [
      '',
      'secret/data/tls-pins',
      'secret/data/tls.pins/x',
      'secret/data/x/tls.pins',
      'nosecret/data/tls.pins',
      'secret/metadata/tls.pins',
    ])
      expect(hintOf(event({ path })), path).to.equal(undefined);
    expect(hintOf(event({ path: 'secret/data/tls.pins' }, 'kv-v2/data-read'))).to.equal(undefined);
  });

  it('is a hint where it cannot be understood', () => {
    for (const text of ['', '{', 'null', '7', '[]', '{}', event({}), event({ path: 7 }), event([])])
      expect(hintOf(text), text).to.deep.equal({});
  });

  it('names the host, where each has a secret', () => {
    const perHost = hintReaderFor(located('secret/{host}/pins'));
    expect(perHost(event({ path: 'secret/data/a.test/pins' }))).to.deep.equal({ host: 'a.test' });
    expect(perHost(event({ path: 'secret/data/a/b/pins' }))).to.equal(undefined);
    expect(perHost(event({ path: 'secret/data/pins' }))).to.equal(undefined);
    const version1 = hintReaderFor(located('kv/pins-of-{host}', 1));
    expect(version1(event({ path: 'kv/pins-of-b.test' }, 'kv-v1/write'))).to.deep.equal({ host: 'b.test' });
  });
});
