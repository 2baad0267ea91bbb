import { expect } from 'chai';
import { PinMismatchError } from '@pinvault/core';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { proveLive } from '#src/index.js';
import { ConnectProxy } from './support/connect-proxy.js';
import { codeOf, host, PinnedService, request } from './support/pinned-service.js';

/** https-proxy-agent 7: where the check goes, by docs/clients.md, and where it does nothing. */
describe('an agent of https-proxy-agent', () => {
  let service: PinnedService;
  let proxy: ConnectProxy;

  beforeEach(async () => {
    service = await PinnedService.start();
    proxy = await ConnectProxy.start();
  });

  afterEach(async () => {
    await service.close();
    await proxy.close();
  });

  const get = (options: object): ReturnType<typeof request> =>
    request({ host, port: service.server.port, ca: service.root.pem, ...options });

  it('pins the target by the options of the request', async () => {
    const pinned = service.pins.tlsOptions({ host, port: service.server.port });
    const agent = new HttpsProxyAgent(proxy.url);
    expect(await get({ agent, ...pinned })).to.deep.equal({ status: 200, text: 'ok' });
    await service.rotate({ [host]: service.newLeaf.pin });
    const bytes = service.server.applicationBytes;
    expect(codeOf(await get({ agent, ...pinned }))).to.equal('ERR_PIN_MISMATCH');
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('does not by its own: those are for the proxy, and proveLive finds it', async () => {
    const agent = new HttpsProxyAgent(proxy.url, service.pins.tlsOptions({ host }));
    const client = async (): Promise<void> => {
      const answer = await get({ agent });
      if ('error' in answer) throw answer.error;
    };
    const url = `https://${host}:${service.server.port}`;
    const error = await proveLive(service.pins, client, url).catch((thrown: unknown) => thrown);
    expect(error).to.be.an.instanceOf(PinMismatchError);
  });
});
