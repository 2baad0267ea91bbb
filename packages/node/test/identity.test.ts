import { expect } from 'chai';
import { loopbackLookup, startTlsServer } from '@pinvault/testing';
import { PinnedAgent } from '#src/index.js';
import { codeOf, host, PinnedService } from './support/pinned-service.js';

describe('the host whose pins count', () => {
  let service: PinnedService;

  beforeEach(async () => {
    service = await PinnedService.start();
  });

  afterEach(() => service.close());

  it('is the host whose name the certificate carries: the name is checked before the pins', async () => {
    await service.rotate({ 'other.example.test': service.oldLeaf.pin });
    expect(codeOf(await service.get({ host: 'other.example.test' }))).to.equal(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    expect(service.server.applicationBytes).to.equal(0);
  });

  it('is the host that is dialled, whatever the Host header says', async () => {
    const leaf = await service.root.issue({ hosts: [host, 'other.example.test'] });
    service.server.use([leaf]);
    await service.rotate({ [host]: service.newLeaf.pin, 'other.example.test': leaf.pin });
    const headers = { host: 'other.example.test' };
    expect(codeOf(await service.get({ headers }))).to.equal('ERR_PIN_MISMATCH');
    expect(service.server.applicationBytes).to.equal(0);
    // The twin: dialled by its own name, with the header the other way round.
    expect(await service.get({ host: 'other.example.test', headers: { host } })).to.deep.equal({
      status: 200,
      text: 'ok',
    });
  });

  for (const servername of [undefined, null, false]) {
    it(`is the host that is dialled also where servername is ${String(servername)}`, async () => {
      const leaf = await service.root.issue({ hosts: [host, 'other.example.test'] });
      service.server.use([leaf]);
      await service.rotate({ [host]: service.newLeaf.pin, 'other.example.test': leaf.pin });
      const headers = { host: 'other.example.test' };
      const none = { servername } as { servername: undefined };
      expect(codeOf(await service.get({ headers, ...none }))).to.equal('ERR_PIN_MISMATCH');
      const agent = new PinnedAgent(service.pins, { ca: service.root.pem, lookup: loopbackLookup, ...none });
      expect(codeOf(await service.get({ headers, agent }))).to.equal('ERR_PIN_MISMATCH');
      expect(service.server.applicationBytes).to.equal(0);
      agent.destroy();
    });
  }

  it('is that of an explicit servername', async () => {
    const leaf = await service.root.issue({ hosts: ['other.example.test'] });
    service.server.use([leaf]);
    await service.rotate({ [host]: leaf.pin, 'other.example.test': service.newLeaf.pin });
    expect(codeOf(await service.get({ servername: 'other.example.test' }))).to.equal('ERR_PIN_MISMATCH');
    await service.rotate({ [host]: service.newLeaf.pin, 'other.example.test': leaf.pin });
    expect(await service.get({ servername: 'other.example.test' })).to.deep.equal({
      status: 200,
      text: 'ok',
    });
  });

  for (const written of ['API.example.TEST', 'api.example.test.']) {
    it(`is found as ${written}, too`, async () => {
      expect(await service.get({ host: written })).to.deep.equal({ status: 200, text: 'ok' });
      await service.rotate({ [host]: service.newLeaf.pin });
      expect(codeOf(await service.get({ host: written, agent: service.agent }))).to.equal('ERR_PIN_MISMATCH');
    });
  }

  it('may be an address', async () => {
    const leaf = await service.root.issue({ hosts: ['127.0.0.1'] });
    service.server.use([leaf]);
    await service.rotate({ '127.0.0.1': leaf.pin });
    expect(await service.get({ host: '127.0.0.1' })).to.deep.equal({ status: 200, text: 'ok' });
    await service.rotate({ '127.0.0.1': service.newLeaf.pin });
    expect(codeOf(await service.get({ host: '127.0.0.1' }))).to.equal('ERR_PIN_MISMATCH');
  });

  it('is governed by a row with its port before one without', async () => {
    const other = await startTlsServer({ chain: [service.oldLeaf] });
    try {
      await service.rotate({
        [host]: service.newLeaf.pin,
        [`${host}:${service.server.port}`]: service.oldLeaf.pin,
      });
      expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
      expect(codeOf(await service.get({ port: other.port }))).to.equal('ERR_PIN_MISMATCH');
    } finally {
      await other.close();
    }
  });

  it('is refused where no row covers it', async () => {
    await service.rotate({ 'other.example.test': service.oldLeaf.pin });
    expect(codeOf(await service.get())).to.equal('ERR_PIN_HOST_UNCOVERED');
    expect(service.server.applicationBytes).to.equal(0);
  });
});
