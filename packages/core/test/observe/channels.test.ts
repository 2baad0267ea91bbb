import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect } from 'chai';
import type { RefreshMessage, RotateMessage, VerdictMessage } from '#src/observe/channels.js';
import { publish } from '#src/observe/channels.js';
import { PinProviderError } from '#src/errors.js';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { startResolver } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

/** What is published on a channel while `run` runs. */
async function published<Message>(name: string, run: () => Promise<void>): Promise<Message[]> {
  const seen: Message[] = [];
  const listen = (message: unknown): void => void seen.push(message as Message);
  subscribe(name, listen);
  try {
    await run();
  } finally {
    unsubscribe(name, listen);
  }
  return seen;
}

describe('the diagnostics channels', () => {
  it('tell of each read: what came of it, why, and how long it took', async () => {
    const seen = await published<RefreshMessage>('@pinvault/core:refresh', async () => {
      const { resolver, provider, clock } = await startResolver({ [host]: lone }, { name: 'payments' });
      await resolver.refresh();
      provider.publish({ [host]: other });
      await clock.advance(60_000);
      provider.publish('{');
      await clock.advance(60_000);
      provider.answer(new PinProviderError('ERR_PROVIDER_THROTTLED', 'no', { provider: 'memory' }));
      await clock.advance(60_000);
    });
    expect(seen.map(({ outcome, code, revision }) => [outcome, code, revision]).slice(0, 4)).to.deep.equal([
      ['unchanged', undefined, '1'],
      ['rotated', undefined, '2'],
      ['rejected', 'ERR_DOCUMENT_MALFORMED', '2'],
      ['failed', 'ERR_PROVIDER_THROTTLED', '2'],
    ]);
    expect(seen[0]).to.include({ resolver: 'payments', at: testTime, durationMs: 0 });
  });

  it('tell of each rotation', async () => {
    const seen = await published<RotateMessage>('@pinvault/core:rotate', async () => {
      const { resolver, provider } = await startResolver({ [host]: lone });
      provider.publish({ [host]: other, 'b.test': other });
      await resolver.refresh();
    });
    expect(seen).to.deep.equal([
      {
        resolver: 'memory',
        at: testTime,
        revision: '2',
        previousRevision: '1',
        added: ['b.test'],
        removed: [],
        changed: [host],
      },
    ]);
  });

  it('tell of each handshake that was judged', async () => {
    const seen = await published<VerdictMessage>('@pinvault/core:verdict', async () => {
      const { resolver } = await startResolver({ [host]: lone });
      resolver.verify({ host, port: 443 }, lonePeer('lone'));
      resolver.checkServerIdentity(host, lonePeer('key ec'));
      resolver.checkServerIdentity('else.example.net', lonePeer('lone'));
    });
    expect(seen.map(({ host: about, port, outcome, code }) => [about, port, outcome, code])).to.deep.equal([
      [host, 443, 'match', undefined],
      [host, undefined, 'refused', 'ERR_PIN_MISMATCH'],
      ['else.example.net', undefined, 'refused', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ]);
  });

  it('cost nothing where nobody listens: no message is made', () => {
    publish('verdict', () => {
      throw new Error('made');
    });
  });
});
