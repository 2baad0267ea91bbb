import { constants, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  connect,
  createServer,
  type SecureContextOptions,
  type SecureVersion,
  type TLSSocket,
} from 'node:tls';
import { expect } from 'chai';
import {
  createRootCa,
  EXTENDED_KEY_USAGES,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { PinMismatchError } from '@pinvault/core';
import { PinnedAgent, type PinSource } from '#src/index.js';
import {
  type Answer,
  codeOf,
  host,
  PinnedService,
  request,
  StandingClock,
} from './support/pinned-service.js';

const ok = { status: 200, text: 'ok' };
const otherHost = 'other.example.test';

for (const version of ['TLSv1.2', 'TLSv1.3'] satisfies SecureVersion[]) {
  const versions = { minVersion: version, maxVersion: version };

  describe(`an attack on resumption (${version})`, () => {
    let service: PinnedService;
    const others: TestTlsServer[] = [];

    async function start(agent: object = {}, more: object = {}): Promise<void> {
      service = await PinnedService.start({
        agent: { keepAlive: false, ...agent },
        server: { ...versions, ...more },
      });
    }

    async function startOther(
      chain: readonly TestCertificate[],
      more: Partial<Parameters<typeof startTlsServer>[0]> = {},
    ): Promise<TestTlsServer> {
      const other = await startTlsServer({ chain, ...versions, ...more });
      others.push(other);
      return other;
    }

    /** The pin is removed after a session was offered for the second time, before the server hears of it. */
    async function startRotatingAtSecondDial(): Promise<void> {
      let dials = 0;
      const lookup: typeof loopbackLookup = (name, options, callback) => {
        dials += 1;
        const rotated = dials === 2 ? service.rotate({ [host]: service.newLeaf.pin }) : Promise.resolve();
        void rotated.then(() => loopbackLookup(name, options, callback));
      };
      await start({ lookup });
    }

    afterEach(async () => {
      await service.close();
      await Promise.all(others.splice(0).map((other) => other.close()));
    });

    it('by a server without the ticket keys meets a full handshake, and the pins', async () => {
      await start();
      await service.get();
      await service.server.close();
      const stranger = await startOther([service.newLeaf], { port: service.server.port });
      expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
      expect([stranger.connections, stranger.resumed, stranger.applicationBytes]).to.deep.equal([1, 0, 0]);
    });

    it('by a server with stolen ticket keys ends with the pin', async () => {
      const ticketKeys = randomBytes(48);
      await start({}, { ticketKeys });
      await service.get();
      await service.server.close();
      await service.rotate({ [host]: service.newLeaf.pin });
      const thief = await startOther([service.oldLeaf], { port: service.server.port, ticketKeys });
      expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
      expect([thief.resumed, thief.applicationBytes]).to.deep.equal([0, 0]);
    });

    it('by another host or port of the same fleet gets no session of this one', async () => {
      const ticketKeys = randomBytes(48);
      await start({}, { ticketKeys });
      await service.rotate({ [host]: service.oldLeaf.pin, '*': service.oldLeaf.pin });
      await service.get();
      // The fleet's certificate is not for that name; its pin is, and a resumed handshake would not show it.
      expect(codeOf(await service.get({ host: otherHost }))).to.equal('ERR_TLS_CERT_ALTNAME_INVALID');
      expect(codeOf(await service.get({ servername: otherHost }))).to.equal('ERR_TLS_CERT_ALTNAME_INVALID');
      expect(codeOf(await service.get({ host: '127.0.0.1' }))).to.equal('ERR_TLS_CERT_ALTNAME_INVALID');
      const elsewhere = await startOther([service.oldLeaf], { ticketKeys });
      expect(await service.get({ port: elsewhere.port })).to.deep.equal(ok);
      expect([service.server.resumed, elsewhere.resumed]).to.deep.equal([0, 0]);
      // It was there to be had: the host itself resumes it.
      expect(await service.get()).to.deep.equal(ok);
      expect(service.server.resumed).to.equal(1);
    });

    it('by a request that trusts other CAs gets no session', async () => {
      await start();
      const stranger = await createRootCa({ subject: 'Another Root' });
      const agent = new PinnedAgent(service.pins, { keepAlive: false, lookup: loopbackLookup });
      const trusting = (ca: string | readonly (string | Buffer)[]): Promise<Answer> =>
        service.get({ agent, ca } as https.RequestOptions);
      expect(await trusting(service.root.pem)).to.deep.equal(ok);
      const bytes = service.server.applicationBytes;
      expect(await trusting(stranger.pem)).to.have.property('error');
      expect(await trusting([stranger.pem, Buffer.from(stranger.pem)])).to.have.property('error');
      expect([service.server.resumed, service.server.applicationBytes]).to.deep.equal([0, bytes]);
      expect(await trusting(service.root.pem)).to.deep.equal(ok);
      expect(service.server.resumed).to.equal(1);
    });

    it('by a request with another client certificate, or none, gets no session', async () => {
      const clients = await createRootCa({ subject: 'Clients' });
      await start({}, { requestCert: true, ca: [clients] });
      const forClients = { extendedKeyUsages: [EXTENDED_KEY_USAGES.clientAuth] };
      const [alice, bob] = await Promise.all([
        clients.issue({ subject: 'alice', ...forClients }),
        clients.issue({ subject: 'bob', ...forClients }),
      ]);
      const as = ({ key, pem }: TestCertificate): object => ({ cert: pem, key: key.privateKeyPem });
      const withForms = ({ key, pem }: TestCertificate): object => ({
        cert: pem,
        key: [{ pem: key.privateKeyPem }],
      });
      expect(await service.get(as(alice))).to.deep.equal(ok);
      expect(await service.get(as(bob))).to.deep.equal(ok);
      expect(await service.get(withForms(alice))).to.deep.equal(ok);
      expect(await service.get()).to.have.property('error');
      expect(service.server.resumed).to.equal(0);
      expect(await service.get(as(alice))).to.deep.equal(ok);
      expect(service.server.resumed).to.equal(1);
    });

    it('by a rotation within the resumed handshake sends no byte under the removed pin', async () => {
      await startRotatingAtSecondDial();
      await service.get();
      const { applicationBytes, connections } = service.server;
      const body = Buffer.alloc(100_000, 'x');
      const answer = await request(
        {
          host,
          port: service.server.port,
          agent: service.agent,
          method: 'POST',
        },
        body,
      );
      expect(codeOf(answer)).to.equal('ERR_PIN_MISMATCH');
      expect(service.server.applicationBytes).to.equal(applicationBytes);
      // Resumed, refused, and handshaken with in full.
      expect(service.server.connections - connections).to.equal(2);
      expect(service.pins.status().counters).to.include({ matches: 1, mismatches: 1 });
    });

    it('by such a rotation loses no request where the server has the new key already', async () => {
      await startRotatingAtSecondDial();
      await service.get();
      service.server.use([service.newLeaf]);
      expect(await service.get()).to.deep.equal(ok);
      expect([service.server.connections, service.server.requests]).to.deep.equal([3, 2]);
      expect(service.pins.status().counters).to.include({ matches: 2, mismatches: 0 });
    });

    it('by such a rotation still has the one read that a mismatch may have', async () => {
      await startRotatingAtSecondDial();
      await service.get();
      const third = await service.root.issue({ subject: host, hosts: [host] });
      service.server.use([third]);
      // In the store by now, and in force only when the full handshake has been refused.
      service.pins.on('rotate', () => service.provider.update({ [host]: third.pin }));
      expect(await service.get()).to.deep.equal(ok);
      expect([service.server.connections, service.server.requests]).to.deep.equal([4, 2]);
    });

    it('by a rotation between a handshake and its tickets leaves no session that is offered', async () => {
      await start();
      let isRemoved = false;
      const source: PinSource = {
        verify(target, certificate) {
          const verdict = service.pins.verify(target, certificate);
          isRemoved = true;
          return verdict;
        },
        judge(evidence) {
          if (isRemoved) throw new PinMismatchError('ERR_PIN_MISMATCH', 'removed', { host });
          return service.pins.judge(evidence);
        },
        on: () => undefined,
        off: () => undefined,
      };
      const agent = new PinnedAgent(source, {
        keepAlive: false,
        ca: service.root.pem,
        lookup: loopbackLookup,
      });
      for (let index = 0; index < 2; index += 1) expect(await service.get({ agent })).to.deep.equal(ok);
      expect([service.server.resumed, service.pins.status().counters.matches]).to.deep.equal([0, 2]);
      isRemoved = false;
    });

    it('by such a rotation sends no byte that was written before the handshake, whoever dialled', async () => {
      await startRotatingAtSecondDial();
      await service.get();
      const { applicationBytes, connections } = service.server;
      const socket = service.agent.createConnection({
        host,
        port: service.server.port,
        servername: host,
        ca: service.root.pem,
        lookup: service.agent.options.lookup,
      }) as TLSSocket;
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ERR_PIN_MISMATCH');
      expect(service.pins.status().counters).to.include({ matches: 1, mismatches: 0 });
      expect([service.server.connections - connections, service.server.applicationBytes]).to.deep.equal([
        1,
        applicationBytes,
      ]);
    });

    it('by a session that was slipped into the agent is of no use', async () => {
      await start();
      const session = await plainSession();
      await service.rotate({ [host]: service.newLeaf.pin });
      Object.assign(service.agent.options, { session });
      expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
      expect([service.server.resumed, service.server.applicationBytes]).to.deep.equal([0, 0]);
    });

    it('by a session that was slipped into a socket is refused when the server takes it', async () => {
      await start();
      const session = await plainSession();
      const sent = https.get({ host, port: service.server.port, agent: service.agent });
      sent.on('socket', (socket) =>
        (socket as unknown as { setSession(given: Buffer): void }).setSession(session),
      );
      const [error] = (await once(sent, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ERR_PIN_MISMATCH');
      expect(service.server.applicationBytes).to.equal(0);
      // Nobody was asked: it was resumed.
      expect(service.pins.status().counters).to.include({ matches: 0, mismatches: 0 });
    });

    it('by a session that was slipped in in place of the one that is offered is refused as well', async () => {
      await start();
      await service.get();
      service.server.use([service.newLeaf]);
      const session = await plainSession();
      const { applicationBytes } = service.server;
      const sent = https.get({ host, port: service.server.port, agent: service.agent });
      sent.on('socket', (socket) =>
        (socket as unknown as { setSession(given: Buffer): void }).setSession(session),
      );
      const [error] = (await once(sent, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ERR_PIN_MISMATCH');
      expect(service.server.applicationBytes).to.equal(applicationBytes);
      expect(service.pins.status().counters).to.include({ matches: 1, mismatches: 0 });
    });

    it('by time ends with the until= of the pin', async () => {
      const clock = new StandingClock();
      service = await PinnedService.start({
        agent: { keepAlive: false },
        server: versions,
        pins: { clock, maxStaleMs: Infinity },
      });
      const until = new Date(clock.now() + 60_000).toISOString();
      await service.rotate({ [host]: `${service.oldLeaf.pin} until=${until}` });
      await service.get();
      const { applicationBytes } = service.server;
      clock.move(120_000);
      expect(codeOf(await service.get())).to.equal('ERR_PIN_EXPIRED');
      expect([service.server.resumed, service.server.applicationBytes]).to.deep.equal([0, applicationBytes]);
    });

    /** A session that no pin has seen. */
    async function plainSession(): Promise<Buffer> {
      const socket = connect({
        port: service.server.port,
        host: '127.0.0.1',
        servername: host,
        ca: service.root.pem,
      });
      const [session] = (await once(socket, 'session')) as [Buffer];
      socket.destroy();
      return session;
    }
  });
}

describe('an attack on resumption by renegotiation (TLSv1.2)', () => {
  it('leaves no session of the certificate that the check refused', async () => {
    const service = await PinnedService.start({ agent: { keepAlive: false } });
    const credentials = ({ key, pem }: TestCertificate): SecureContextOptions => ({
      key: key.privateKeyPem,
      cert: pem,
      maxVersion: 'TLSv1.2',
      sessionIdContext: 'pinvault',
      // A full handshake each time; sessions are kept here, by their number.
      secureOptions: constants.SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
    });
    const kept = new Map<string, Buffer>();
    let asked = 0;
    const server = createServer(credentials(service.oldLeaf), (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        asked += 1;
        if (asked > 1) {
          const leaf = socket.isSessionReused() ? 'resumed' : 'in full';
          socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${leaf.length}\r\n\r\n${leaf}`);
          return;
        }
        socket.setKeyCert(credentials(service.newLeaf));
        socket.renegotiate({}, () => undefined);
      });
    });
    server.on('newSession', (id: Buffer, session: Buffer, stored: () => void) => {
      kept.set(id.toString('hex'), session);
      stored();
    });
    server.on('resumeSession', (id: Buffer, found: (error: null, session: Buffer | null) => void) =>
      found(null, kept.get(id.toString('hex')) ?? null),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      let ofNewLeaf = false;
      const get = (): Promise<Answer> =>
        new Promise((resolve) => {
          const sent = https.get({ host, port, agent: service.agent }, (response) => {
            ofNewLeaf = (response.socket as TLSSocket).getSession()?.includes(service.newLeaf.der) === true;
            response.setEncoding('utf8').once('data', (text: string) => resolve({ status: 200, text }));
          });
          sent.on('error', (error) => resolve({ error }));
        });
      expect(codeOf(await get())).to.equal('ERR_PIN_MISMATCH');
      // The first session, of the certificate that is pinned, is as good as before.
      expect(await get()).to.deep.equal({ status: 200, text: 'resumed' });
      expect([kept.size, ofNewLeaf]).to.deep.equal([2, false]);
    } finally {
      server.close();
      await service.close();
    }
  });
});
