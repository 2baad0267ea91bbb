import { once } from 'node:events';
import https from 'node:https';
import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { createStaticProvider, PinResolver, type StaticPinProvider } from '@pinvault/core';
import { askedOnly, loopbackLookup } from '@pinvault/testing';
import { PinnedProxyAgent, type PinnedProxyAgentOptions, proveLive } from '#src/index.js';
import { ConnectProxy } from './support/connect-proxy.js';
import { codeOf, host, PinnedService, request } from './support/pinned-service.js';
import { until } from './support/until.js';

describe('PinnedProxyAgent', () => {
  let service: PinnedService;
  let proxy: ConnectProxy;
  const agents: PinnedProxyAgent[] = [];

  beforeEach(async () => {
    service = await PinnedService.start();
    proxy = await ConnectProxy.start();
  });

  afterEach(async () => {
    for (const agent of agents.splice(0)) agent.destroy();
    await service.close();
    await proxy.close();
  });

  function agentWith(options: Partial<PinnedProxyAgentOptions> = {}): PinnedProxyAgent {
    const agent = new PinnedProxyAgent(service.pins, {
      proxy: proxy.url,
      ca: service.root.pem,
      ...options,
    });
    agents.push(agent);
    return agent;
  }

  const ok = { status: 200, text: 'ok' };

  it('reaches the target through one tunnel, which stays warm, and pins it', async () => {
    const agent = agentWith();
    expect(await service.get({ agent })).to.deep.equal(ok);
    expect(await service.get({ agent })).to.deep.equal(ok);
    expect(proxy.asked).to.deep.equal([`${host}:${service.server.port}`]);
    await service.rotate({ [host]: service.newLeaf.pin });
    const bytes = service.server.applicationBytes;
    expect(Object.keys(agent.freeSockets)).to.deep.equal([]);
    expect(codeOf(await service.get({ agent }))).to.equal('ERR_PIN_MISMATCH');
    expect(proxy.asked).to.have.length(2);
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('digs once more where a refresh cures the mismatch', async () => {
    const agent = agentWith();
    service.server.use([service.newLeaf]);
    service.provider.update({ [host]: service.newLeaf.pin });
    expect(await service.get({ agent })).to.deep.equal(ok);
    expect([proxy.asked.length, service.server.requests]).to.deep.equal([2, 1]);
  });

  it('resumes a session inside a tunnel while the pins accept its evidence', async () => {
    const agent = agentWith({ keepAlive: false });
    await service.get({ agent });
    await service.get({ agent });
    expect([proxy.asked.length, service.server.resumed]).to.deep.equal([2, 1]);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(codeOf(await service.get({ agent }))).to.equal('ERR_PIN_MISMATCH');
    expect(service.server.resumed).to.equal(1);
  });

  it('lets a response finish when the pin goes, and then ends the tunnel', async () => {
    await service.close();
    const held: ServerResponse[] = [];
    service = await PinnedService.start({
      server: { respond: (_request, response) => void held.push(response) },
    });
    const agent = agentWith();
    const answer = service.get({ agent });
    await until(() => held.length > 0);
    await service.rotate({ [host]: service.newLeaf.pin });
    held[0]?.end('late');
    expect(await answer).to.deep.equal({ status: 200, text: 'late' });
    expect(Object.keys(agent.freeSockets)).to.deep.equal([]);
  });

  it('counts a tunnel from the first: maxSockets holds', async () => {
    const agent = agentWith({ maxSockets: 1 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => service.get({ agent })));
    expect(answers).to.deep.equal(Array.from({ length: 5 }, () => ok));
    expect(proxy.asked).to.have.length(1);
  });

  it('ends each request with the answer of a proxy that refuses, queued ones too, and without the password', async () => {
    proxy.answer = (_request, client) => client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const secret = 'hunter2';
    const agent = agentWith({ maxSockets: 1, proxy: proxy.url.replace('//', `//joe:${secret}@`) });
    const answers = await Promise.all(Array.from({ length: 3 }, () => service.get({ agent })));
    expect(answers.map(codeOf)).to.deep.equal(Array(3).fill('ERR_PROXY_TUNNEL'));
    expect(proxy.authorizations[0]).to.equal(`Basic ${Buffer.from(`joe:${secret}`).toString('base64')}`);
    expect(
      JSON.stringify(answers.map((answer) => String('error' in answer && answer.error.stack))),
    ).not.to.contain(secret);
    expect(service.server.connections).to.equal(0);
    proxy.answer = (_request, _client, dig) => dig();
    expect(await service.get({ agent })).to.deep.equal(ok);
  });

  it('ends a request that has set its socket up as any other', async () => {
    proxy.answer = (_request, client) => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const sent = https.request({
      host,
      port: service.server.port,
      agent: agentWith(),
      timeout: 5_000,
      method: 'POST',
    });
    sent.setNoDelay(true);
    sent.setSocketKeepAlive(true);
    sent.on('socket', (socket) => socket.ref().unref());
    const failed = once(sent, 'error');
    sent.write('a body that goes nowhere');
    sent.end();
    const [error] = (await failed) as [Error];
    expect(error).to.have.property('code', 'ERR_PROXY_TUNNEL');
    expect(service.server.connections).to.equal(0);
  });

  it('refuses a proxy that speaks in the place of the target', async () => {
    proxy.answer = (_request, client) => void client.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n');
    expect(codeOf(await service.get({ agent: agentWith() }))).to.equal('ERR_PROXY_TUNNEL');
  });

  it('gives up on a proxy that says nothing', async () => {
    proxy.answer = () => undefined;
    expect(codeOf(await service.get({ agent: agentWith({ tunnelTimeoutMs: 20 }) }))).to.equal(
      'ERR_PROXY_TUNNEL',
    );
  });

  it('ends a request that is destroyed while its tunnel is dug, and goes on with the next', async () => {
    proxy.answer = () => undefined;
    const agent = agentWith({ maxSockets: 1 });
    const sent = https.get({ host, port: service.server.port, agent });
    const failed = once(sent, 'error');
    await until(() => proxy.asked.length > 0);
    proxy.answer = (_request, _client, dig) => dig();
    const next = service.get({ agent });
    sent.destroy(new Error('changed my mind'));
    const [error] = (await failed) as [Error];
    expect(error.message).to.equal('changed my mind');
    expect(await next).to.deep.equal(ok);
  });

  it('ends with the agent while a tunnel is dug', async () => {
    proxy.answer = () => undefined;
    const agent = agentWith();
    const answer = service.get({ agent });
    await until(() => proxy.asked.length > 0);
    agent.destroy();
    expect(await answer).to.have.property('error');
  });

  it('dials without a proxy where the function names none', async () => {
    const asked: unknown[] = [];
    const agent = agentWith({
      lookup: loopbackLookup,
      proxy: (target) => {
        asked.push(target);
        return undefined;
      },
    });
    expect(await service.get({ agent })).to.deep.equal(ok);
    expect(asked).to.deep.equal([{ host, port: service.server.port }]);
    expect(proxy.asked).to.deep.equal([]);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(codeOf(await service.get({ agent }))).to.equal('ERR_PIN_MISMATCH');
  });

  it('fails a request whose proxy is none', async () => {
    const agent = agentWith({ proxy: () => 'socks5://127.0.0.1:1080' });
    expect(codeOf(await service.get({ agent }))).to.equal('ERR_INVALID_OPTION');
    expect(service.server.connections).to.equal(0);
  });

  it('is proven live, through the proxy', async () => {
    const url = `https://${host}:${service.server.port}/`;
    expect(await proveLive(service.pins, agentWith(), url)).to.include({ refusedReused: true });
    expect(service.server.requests).to.equal(2);
  });

  it('refuses what would leave the target unpinned, or says nothing', () => {
    for (const options of [
      { proxy: 'proxy.example.com:3128' },
      { proxy: 'socks5://127.0.0.1' },
      { proxy: undefined },
      { checkServerIdentity: () => undefined },
      { proxyTls: { checkServerIdentity: () => undefined } },
      { proxyPins: service.pins },
      { proxyEnv: { HTTPS_PROXY: proxy.url } },
      { tunnelTimeoutMs: 0 },
    ])
      expect(() => agentWith(options as object), JSON.stringify(options))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
  });

  describe('with a proxy that speaks TLS', () => {
    const address = '127.0.0.1';

    async function startTlsProxy(): Promise<{ readonly tlsProxy: ConnectProxy; readonly pin: string }> {
      const leaf = await service.root.issue({ subject: 'proxy', hosts: [address] });
      return { tlsProxy: await ConnectProxy.start(leaf), pin: leaf.pin };
    }

    it('verifies it, and pins the target inside', async () => {
      const { tlsProxy } = await startTlsProxy();
      try {
        const agent = agentWith({ proxy: tlsProxy.url, proxyTls: { ca: service.root.pem } });
        expect(await service.get({ agent })).to.deep.equal(ok);
        await service.rotate({ [host]: service.newLeaf.pin });
        expect(codeOf(await service.get({ agent }))).to.equal('ERR_PIN_MISMATCH');
        const strict = agentWith({ proxy: tlsProxy.url });
        expect(codeOf(await service.get({ agent: strict }))).to.match(/VERIFY|SELF_SIGNED|LOCAL_ISSUER/);
      } finally {
        await tlsProxy.close();
      }
    });

    describe('and is pinned on its own account', () => {
      let tlsProxy: ConnectProxy;
      let provider: StaticPinProvider;
      let proxyPins: PinResolver;
      let pin: string;
      let proxyCa: string;

      beforeEach(async () => {
        ({ tlsProxy, pin } = await startTlsProxy());
        proxyCa = service.root.pem;
        provider = createStaticProvider({ [address]: pin });
        proxyPins = await PinResolver.create(provider, { warnings: false, ...askedOnly });
      });
      afterEach(async () => {
        await proxyPins.close();
        await tlsProxy.close();
      });

      const pinnedAgent = (options: Partial<PinnedProxyAgentOptions> = {}): PinnedProxyAgent =>
        agentWith({ proxy: tlsProxy.url, proxyTls: { ca: proxyCa }, proxyPins, ...options });

      async function rotateProxy(rows: Readonly<Record<string, string>>): Promise<void> {
        provider.update(rows);
        expect((await proxyPins.refresh()).outcome).to.equal('rotated');
      }

      /** The service answers when it is told to. */
      async function holdAnswers(): Promise<ServerResponse[]> {
        await service.close();
        const held: ServerResponse[] = [];
        const respond = (_request: unknown, response: ServerResponse): void => void held.push(response);
        service = await PinnedService.start({ server: { respond } });
        return held;
      }

      it('no CONNECT reaches one that does not match', async () => {
        await rotateProxy({ [address]: service.newLeaf.pin });
        expect(codeOf(await service.get({ agent: pinnedAgent() }))).to.equal('ERR_PIN_MISMATCH');
        expect(tlsProxy.asked).to.deep.equal([]);
      });

      it('an idle tunnel ends with the pin of its proxy', async () => {
        const agent = pinnedAgent();
        expect(await service.get({ agent })).to.deep.equal(ok);
        await rotateProxy({ [address]: service.newLeaf.pin });
        expect(Object.keys(agent.freeSockets)).to.deep.equal([]);
        expect(codeOf(await service.get({ agent }))).to.equal('ERR_PIN_MISMATCH');
        expect([tlsProxy.asked.length, service.server.requests]).to.deep.equal([1, 1]);
      });

      it('an idle tunnel stays warm where the pin of its proxy does', async () => {
        const agent = pinnedAgent();
        expect(await service.get({ agent })).to.deep.equal(ok);
        await rotateProxy({ [address]: `${pin} ${service.newLeaf.pin}` });
        expect(await service.get({ agent })).to.deep.equal(ok);
        expect(tlsProxy.asked).to.have.length(1);
      });

      it('a busy tunnel finishes its response, and takes no request from the queue', async () => {
        const held = await holdAnswers();
        const agent = pinnedAgent({ maxSockets: 1 });
        const answer = service.get({ agent });
        await until(() => held.length === 1);
        const queued = service.get({ agent });
        await rotateProxy({ [address]: service.newLeaf.pin });
        held[0]?.end('late');
        expect(await answer).to.deep.equal({ status: 200, text: 'late' });
        expect(codeOf(await queued)).to.equal('ERR_PIN_MISMATCH');
        expect([tlsProxy.asked.length, service.server.requests]).to.deep.equal([1, 1]);
      });

      for (const [what, options, revoked, code] of [
        ['after drainTimeoutMs', { drainTimeoutMs: 1 }, false, 'ERR_PIN_MISMATCH'],
        ['at once when its key is revoked', {}, true, 'ERR_PIN_REVOKED'],
      ] as const) {
        it(`a busy tunnel ends ${what}, with the reason`, async () => {
          const held = await holdAnswers();
          const agent = pinnedAgent(options);
          const answer = service.get({ agent });
          await until(() => held.length === 1);
          await rotateProxy({ [address]: service.newLeaf.pin, ...(revoked && { $revoked: pin }) });
          expect(codeOf(await answer)).to.equal(code);
        });
      }

      it('a tunnel that is dug while the pin goes carries no request', async () => {
        let dig: () => void = () => undefined;
        tlsProxy.answer = (_request, _client, go) => (dig = go);
        const answer = service.get({ agent: pinnedAgent() });
        await until(() => tlsProxy.asked.length === 1);
        await rotateProxy({ [address]: service.newLeaf.pin });
        dig();
        expect(codeOf(await answer)).to.equal('ERR_PIN_MISMATCH');
        expect(service.server.applicationBytes).to.equal(0);
      });
    });
  });

  it('serves a request without keep-alive, and one with a body', async () => {
    const agent = agentWith({ keepAlive: false });
    const answer = await request(
      { host, port: service.server.port, agent, method: 'POST' },
      'x'.repeat(100_000),
    );
    expect(answer).to.deep.equal(ok);
  });
});
