import { expect } from 'chai';
import { codeOf, host, PinnedService, StandingClock } from './support/pinned-service.js';

describe('a connection that PinnedAgent takes from its pool', () => {
  let service: PinnedService;
  let clock: StandingClock;

  beforeEach(() => {
    clock = new StandingClock();
  });

  afterEach(() => service.close());

  it('ends with the until= of the pin that let it in, without any rotation', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: Infinity } });
    const { oldLeaf, newLeaf } = service;
    await service.rotate({ [host]: `${oldLeaf.pin} until=2026-11-30`, [`${host}#next`]: newLeaf.pin });
    await service.get();
    clock.move(4 * 86_400_000);
    await service.get();
    expect(service.server.connections).to.equal(1);
    clock.move(4 * 86_400_000);
    service.server.use([newLeaf]);
    expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
    expect(service.server.connections).to.equal(2);
  });

  it('ends with maxStaleMs', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: 60_000 } });
    await service.get();
    const bytes = service.server.applicationBytes;
    clock.move(60_001);
    expect(codeOf(await service.get())).to.equal('ERR_RESOLVER_EXPIRED');
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('ends with the certificate', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: Infinity } });
    await service.get();
    clock.move(400 * 86_400_000);
    expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
  });

  it('ends with the resolver', async () => {
    service = await PinnedService.start();
    await service.get();
    const bytes = service.server.applicationBytes;
    await service.pins.close();
    expect(codeOf(await service.get())).to.equal('ERR_RESOLVER_CLOSED');
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('is looked at once more when Node hands it to a request', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: 60_000 } });
    await service.get();
    const bytes = service.server.applicationBytes;
    // The look before is blind here: as if Node named its pools in another way.
    service.agent.getName = () => 'one pool';
    const [sockets] = Object.values(service.agent.freeSockets);
    Object.assign(service.agent.freeSockets, { 'one pool': sockets });
    const judge = service.pins.judge.bind(service.pins);
    let looks = 0;
    service.pins.judge = (evidence) => {
      looks += 1;
      if (looks === 1) return judge(evidence);
      clock.move(60_001);
      return judge(evidence);
    };
    expect('error' in (await service.get())).to.equal(true);
    expect(looks).to.equal(2);
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('keeps pools of different hosts and ports apart', async () => {
    service = await PinnedService.start();
    const other = await PinnedService.start();
    try {
      await service.rotate({ [host]: `${service.oldLeaf.pin} ${other.oldLeaf.pin}` });
      await service.get({ ca: [service.root.pem] });
      await service.get({ port: other.server.port, ca: [other.root.pem] });
      expect([service.server.connections, other.server.connections]).to.deep.equal([1, 1]);
    } finally {
      await other.close();
    }
  });
});
