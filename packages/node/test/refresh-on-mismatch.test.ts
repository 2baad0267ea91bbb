import { connect } from 'node:tls';
import { expect } from 'chai';
import { PinProviderError } from '@pinvault/core';
import { loopbackLookup } from '@pinvault/testing';
import { codeOf, host, PinnedService, StandingClock } from './support/pinned-service.js';

describe('PinnedAgent whose pins are older than the store', () => {
  let service: PinnedService;
  let reads: number;

  /** The server has the new key; the store has its pin or not. */
  async function start(stored: 'old' | 'new' = 'new'): Promise<void> {
    service = await PinnedService.start();
    reads = 0;
    const { provider } = service;
    const read = provider.read.bind(provider);
    provider.read = (request) => {
      reads += 1;
      return read(request);
    };
    service.server.use([service.newLeaf]);
    if (stored === 'new') provider.update({ [host]: service.newLeaf.pin });
  }

  afterEach(() => service.close());

  it('dials once more, and the caller sees no error', async () => {
    await start();
    expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
    expect([service.server.connections, service.server.requests, reads]).to.deep.equal([2, 1, 1]);
    expect(service.pins.status().counters).to.include({ mismatches: 1, matches: 1, rotations: 1 });
  });

  it('reads once for a hundred requests at once, and loses none', async () => {
    await start();
    const answers = await Promise.all(Array.from({ length: 100 }, () => service.get()));
    expect(answers.map((answer) => codeOf(answer))).to.deep.equal(answers.map(() => undefined));
    expect(reads).to.equal(1);
  });

  it('makes no read of a flood of wrong certificates, keeps nobody waiting, and sends no byte', async () => {
    await start('old');
    expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
    // From now on the store would hang: whoever waited for it would be seen.
    service.provider.read = () => {
      reads += 1;
      return new Promise(() => undefined);
    };
    for (let flood = 0; flood < 20; flood += 1)
      expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
    expect([reads, service.server.applicationBytes]).to.deep.equal([1, 0]);
  });

  it('ends with the refusal where the store is away', async () => {
    await start();
    service.provider.read = async () => {
      throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'static' });
    };
    expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
    expect([service.server.connections, service.server.applicationBytes]).to.deep.equal([1, 0]);
  });

  it('does not go where the key is revoked by then', async () => {
    await start();
    service.provider.update({ [host]: service.newLeaf.pin, $revoked: service.newLeaf.pin });
    expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
    expect([service.server.connections, service.server.applicationBytes]).to.deep.equal([1, 0]);
  });

  it('leaves a bare check failed', async () => {
    await start();
    const socket = connect({
      host: '127.0.0.1',
      servername: host,
      port: service.server.port,
      ca: service.root.pem,
      ...service.pins.tlsOptions({ host, port: service.server.port }),
    });
    const error = await new Promise<unknown>((resolve) => socket.on('error', resolve));
    expect(error).to.have.property('code', 'ERR_PIN_MISMATCH');
    expect(service.server.applicationBytes).to.equal(0);
  });
});

describe('PinnedAgent after a suspension of the process', () => {
  it('has the pins confirmed before it uses a pooled connection, and refuses what was removed meanwhile', async () => {
    const clock = new StandingClock();
    clock.move(Date.now() - clock.now());
    const service = await PinnedService.start({ pins: { clock } });
    try {
      expect(codeOf(await service.get())).to.equal(undefined);
      const bytes = service.server.applicationBytes;
      service.provider.update({ [host]: service.newLeaf.pin });
      clock.move(3_600_000);
      expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
      expect(service.server.applicationBytes).to.equal(bytes);
    } finally {
      await service.close();
    }
  });
});

describe('PinnedAgent whose pins change while it shakes hands', () => {
  let service: PinnedService;
  let dials: number;

  /** Before the server hears of each dial, its key and the pins are these. */
  async function start(steps: readonly (() => Promise<void> | void)[]): Promise<void> {
    dials = 0;
    service = await PinnedService.start({
      agent: {
        maxCachedSessions: 0,
        lookup: (name, options, callback) => {
          const step = steps[dials];
          dials += 1;
          void Promise.resolve(step?.()).then(() => loopbackLookup(name, options, callback));
        },
      },
    });
  }

  afterEach(() => service.close());

  it('dials once more: the server may have another key by then', async () => {
    await start([
      () => service.rotate({ [host]: service.newLeaf.pin }),
      () => service.server.use([service.newLeaf]),
    ]);
    expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
    expect([dials, service.server.requests]).to.deep.equal([2, 1]);
  });

  it('gives up after three rotations, each in a handshake of the same request, and sends no byte', async () => {
    const rotateAway = async (): Promise<void> => {
      await service.rotate({ [host]: service.newLeaf.pin, [`n${dials}.example.test`]: 'none' });
    };
    await start([rotateAway, rotateAway, rotateAway, rotateAway]);
    expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
    expect([dials, service.server.applicationBytes]).to.deep.equal([4, 0]);
  });

  it('dials once where the pins did not change meanwhile, whatever changed before', async () => {
    await start([]);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
    expect([dials, service.server.applicationBytes]).to.deep.equal([1, 0]);
  });
});
