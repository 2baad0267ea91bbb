import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import https from 'node:https';
import type { RequestOptions } from 'node:https';
import { expect } from 'chai';
import { loopbackLookup } from '@pinvault/testing';
import { PinnedAgent, PinnedProxyAgent } from '#src/index.js';
import { ConnectProxy } from './support/connect-proxy.js';
import { codeOf, host, PinnedService } from './support/pinned-service.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const hasProxyEnv = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
const burst = 8;
const versions = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;

/** From openssl/ssl.h, which Node's constants lack. */
const SSL_OP_NO_EXTENDED_MASTER_SECRET = 1;

describe('a server that breaks off every handshake with a session from before', () => {
  let service: PinnedService;
  let proxy: ConnectProxy;
  let server: https.Server;

  beforeEach(async () => {
    proxy = await ConnectProxy.start();
  });

  afterEach(async () => {
    server.close();
    await service.close();
    await proxy.close();
  });

  const agents: [string, () => object | undefined][] = [
    ['an agent', () => ({})],
    ['an agent with a proxy', () => ({ proxy: proxy.url })],
    ['an agent with proxyEnv', () => ({ proxyEnv: { HTTPS_PROXY: proxy.url, https_proxy: proxy.url } })],
  ];
  for (const [name, optionsOf] of agents) {
    (name.endsWith('proxyEnv') && !hasProxyEnv ? it.skip : it)(
      `costs ${name} one request, and not one for each session`,
      async () => {
        const ticketKeys = randomBytes(48);
        service = await PinnedService.start({ server: { ...versions, ticketKeys } });
        const options = { keepAlive: false, ca: service.root.pem, lookup: loopbackLookup, ...optionsOf() };
        const agent =
          'proxy' in options
            ? new PinnedProxyAgent(service.pins, options as never)
            : new PinnedAgent(service.pins, options);
        const get = (more: RequestOptions = {}): Promise<string> =>
          service.get({ agent, ...more }).then((answer) => codeOf(answer) ?? 'answered');
        await Promise.all(Array.from({ length: burst }, () => get()));
        expect(await get()).to.equal('answered');
        expect(service.server.resumed).to.equal(1);
        const { port } = service.server;
        await service.server.close();
        // RFC 7627 §5.3: the session was made with the extension that this server does not speak.
        server = https.createServer(
          {
            key: service.oldLeaf.key.privateKeyPem,
            cert: service.oldLeaf.pem,
            ticketKeys,
            ...versions,
            secureOptions: SSL_OP_NO_EXTENDED_MASTER_SECRET,
          },
          (_request, response) => response.end('ok'),
        );
        server.listen(port, '127.0.0.1');
        await once(server, 'listening');
        const answers: string[] = [];
        for (let index = 0; index < burst; index += 1) answers.push(await get({ host, port }));
        expect(answers.filter((answer) => answer !== 'answered')).to.have.length(1);
        expect(answers[0]).to.match(/^ERR_SSL_/);
        agent.destroy();
      },
    );
  }
});
