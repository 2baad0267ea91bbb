import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { startDevVault, type DevVault, type DevVaultResponder } from '@pinvault/testing';
import {
  createPinResolver,
  type CreatePinResolverOptions,
  type PinErrorCode,
  type PinEvent,
  type PinResolver,
  pinErrorCode,
} from 'pinvault';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from './support/open-bao.js';
import { PinnedHost } from './support/pinned-service.js';

const host = 'api.example.test';

async function failureOf(start: Promise<unknown>): Promise<Error | undefined> {
  return start.then(
    () => undefined,
    (error: unknown) => error as Error,
  );
}

/** A whole answer, as text. */
function answering(status: number, body: string, type = 'application/json'): DevVaultResponder {
  return (_request, response) => response.writeHead(status, { 'Content-Type': type }).end(body);
}

// No OpenBao can be made to give these: our development vault answers in its place, over real HTTP.
describe('a stand-in for a vault that answers like none', function () {
  this.timeout(20_000);

  let vault: DevVault;
  let service: PinnedHost;
  let resolvers: PinResolver[];
  let events: PinEvent[];

  before(async () => {
    service = await PinnedHost.start(host);
  });

  beforeEach(async () => {
    resolvers = [];
    events = [];
    vault = await startDevVault();
    vault.write('tls-pins', { [host]: service.pin });
  });

  afterEach(async () => {
    await Promise.all(resolvers.map((resolver) => resolver.close()));
    await vault.close();
  });

  after(async () => {
    await service.close();
  });

  async function start(options: CreatePinResolverOptions = {}): Promise<PinResolver> {
    const resolver = await createPinResolver(
      {
        warnings: false,
        refreshIntervalMs: 3_600_000,
        startupTimeoutMs: 1_500,
        failedStartDelayMs: 0,
        readTimeoutMs: 600,
        onEvent: (event) => events.push(event),
        ...options,
      },
      {
        PINVAULT_PROVIDER: 'vault',
        PINVAULT_VAULT_PATH: 'secret/tls-pins',
        VAULT_ADDR: vault.address,
        VAULT_TOKEN: vault.token,
        // The time for a read is short here, and the first answer is what is looked at.
        VAULT_MAX_RETRIES: '0',
      },
    );
    resolvers.push(resolver);
    return resolver;
  }

  const rows = JSON.stringify({ [host]: 'none' });
  const answers: readonly {
    readonly what: string;
    readonly code: PinErrorCode;
    readonly facts: readonly string[];
    readonly answer: DevVaultResponder;
  }[] = [
    {
      what: 'a log-in page with status 200',
      code: 'ERR_DOCUMENT_MALFORMED',
      facts: ['text/html', 'secret/tls-pins', 'VAULT_ADDR'],
      answer: answering(200, '<html>Please log in</html>', 'text/html; charset=utf-8'),
    },
    {
      what: 'an error page of a proxy',
      code: 'ERR_PROVIDER_UNAVAILABLE',
      facts: ['502', 'text/html', 'proxy'],
      answer: answering(502, '<html>Bad Gateway</html>', 'text/html'),
    },
    {
      what: 'a page that forbids',
      code: 'ERR_PROVIDER_DENIED',
      facts: ['text/html', 'proxy'],
      answer: answering(403, '<html>Forbidden</html>', 'text/html'),
    },
    {
      what: 'a page that was not found',
      code: 'ERR_PROVIDER_UNAVAILABLE',
      facts: ['404', 'VAULT_ADDR'],
      answer: answering(404, '<html>Not Found</html>', 'text/html'),
    },
    {
      what: 'half an answer',
      code: 'ERR_DOCUMENT_MALFORMED',
      facts: ['broken JSON', 'secret/tls-pins'],
      answer: answering(200, '{"data":{"data":{"api.example.test":"no'),
    },
    {
      what: 'the document, but no envelope around it',
      code: 'ERR_DOCUMENT_MALFORMED',
      facts: ['KV version 2', 'secret/tls-pins'],
      answer: answering(200, rows),
    },
    {
      what: 'an envelope with nothing in it',
      code: 'ERR_DOCUMENT_MALFORMED',
      facts: ['KV version 2', 'secret/tls-pins'],
      answer: answering(200, '{"data":null}'),
    },
    {
      what: 'a list for a document',
      code: 'ERR_DOCUMENT_MALFORMED',
      facts: ['KV version 2', 'secret/tls-pins'],
      answer: answering(200, '{"data":{"data":[],"metadata":{"version":9}}}'),
    },
    {
      what: 'a request for fewer reads',
      code: 'ERR_PROVIDER_THROTTLED',
      facts: ['fewer reads'],
      answer: answering(429, '{"errors":[]}'),
    },
    {
      what: 'nothing, for ever',
      code: 'ERR_PROVIDER_TIMEOUT',
      facts: ['secret/tls-pins'],
      answer: () => undefined,
    },
    {
      what: 'the end of the connection',
      code: 'ERR_PROVIDER_UNAVAILABLE',
      facts: ['ECONNRESET'],
      answer: (request) => request.socket.destroy(),
    },
  ];
  for (const { what, code, facts, answer } of answers) {
    it(`${what}: the start fails with ${code}`, async () => {
      vault.respondWith(answer);
      const error = await failureOf(start());
      expect(pinErrorCode(error)).to.equal(code);
      for (const fact of facts) expect(error?.message).to.contain(fact);
      vault.respondWith(undefined);
      await service.expectPinned(await start());
    });

    it(`${what}: a running service keeps its pins, says so, and recovers`, async () => {
      const pins = await start();
      await service.expectPinned(pins);
      vault.respondWith(answer);
      const { outcome } = await pins.refresh();
      expect(outcome).to.be.oneOf(['failed', 'rejected']);
      const { lastError, lastRejected } = pins.status();
      const told = outcome === 'failed' ? lastError : lastRejected;
      expect(told?.code).to.equal(code);
      for (const fact of facts) expect(told?.message).to.contain(fact);
      await service.expectPinned(pins);
      vault.respondWith(undefined);
      expect((await pins.refresh()).outcome).to.equal('unchanged');
      expect(pins.status().lastError).to.equal(undefined);
      expect(pins.status().lastRejected).to.equal(undefined);
      await service.expectPinned(pins);
    });
  }

  it('an address where nothing listens any more: a running service keeps its pins, and recovers', async () => {
    const pins = await start();
    const { port } = new URL(vault.address);
    await vault.close();
    expect((await pins.refresh()).outcome).to.equal('failed');
    expect(pins.status().lastError?.code).to.equal('ERR_PROVIDER_UNAVAILABLE');
    expect(pins.status().lastError?.message).to.contain(port).and.to.contain('VAULT_ADDR');
    await service.expectPinned(pins);
    vault = await startDevVault({ port: Number(port) });
    vault.write('tls-pins', { [host]: service.pin });
    expect((await pins.refresh()).outcome).to.equal('unchanged');
    expect(events.map((event) => event.type)).to.include('recovered');
    await service.expectPinned(pins);
  });
});

describeWithOpenBao('a real vault that speaks https', function () {
  this.timeout(60_000);

  let vault: OpenBaoServer;
  let service: PinnedHost;

  before(async () => {
    vault = await startOpenBao({ mode: 'dev-tls' });
    service = await PinnedHost.start(host);
    await vault.api('POST', 'secret/data/tls-pins', { data: { [host]: service.pin } });
  });

  after(async () => {
    await service.close();
    await vault.stop();
  });

  const start = (more: Record<string, string>, options: CreatePinResolverOptions = {}) =>
    createPinResolver(
      // A start that fails is tried until then; one that succeeds is given longer.
      { warnings: false, startupTimeoutMs: 2_000, ...options },
      {
        PINVAULT_PROVIDER: 'vault',
        PINVAULT_VAULT_PATH: 'secret/tls-pins',
        VAULT_ADDR: vault.address,
        VAULT_TOKEN: vault.token,
        ...more,
      },
    );

  async function fails(code: PinErrorCode, facts: readonly string[], ...how: Parameters<typeof start>) {
    const error = await failureOf(start(...how));
    expect(pinErrorCode(error)).to.equal(code);
    for (const fact of [...facts, new URL(vault.address).host]) expect(error?.message).to.contain(fact);
  }

  it('is read under its CA', async () => {
    const pins = await start({ VAULT_CACERT: vault.caPath ?? '' }, { startupTimeoutMs: 20_000 });
    await service.expectPinned(pins);
    await pins.close();
  });

  it('is refused under no CA of its own: the text names VAULT_CACERT', async () => {
    await fails('ERR_PROVIDER_UNAVAILABLE', ['VAULT_CACERT'], {});
  });

  it('is refused under another name: the text names VAULT_TLS_SERVER_NAME', async () => {
    const environment = { VAULT_CACERT: vault.caPath ?? '', VAULT_TLS_SERVER_NAME: 'vault.example.com' };
    await fails('ERR_PROVIDER_UNAVAILABLE', ['VAULT_TLS_SERVER_NAME'], environment);
  });

  it('is refused under pins that are not its own: the text holds the right one', async () => {
    const environment = { VAULT_CACERT: vault.caPath ?? '' };
    const pins = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
    await fails('ERR_PROVIDER_UNAVAILABLE', ['vault.pins', pins], environment, { vault: { pins } });
    const error = await failureOf(start(environment, { vault: { pins } }));
    const shown = /\s0\s+(sha256\/\S+)/.exec(error?.message ?? '')?.[1] ?? '';
    const resolver = await start(environment, { vault: { pins: shown }, startupTimeoutMs: 20_000 });
    await service.expectPinned(resolver);
    await resolver.close();
  });

  it('is not taken for one that speaks http', async () => {
    const environment = { VAULT_ADDR: vault.address.replace('https:', 'http:') };
    await fails('ERR_PROVIDER_MISCONFIGURED', ['does the address say http where it is https'], environment);
  });

  it('has its CA in a file: one that is missing or holds no certificate is named', async () => {
    expect(await readFile(vault.caPath ?? '', 'utf8')).to.contain('CERTIFICATE');
    for (const [file, fact] of [
      ['/nonexistent.pem', 'ENOENT'],
      ['/dev/null', 'no certificate'],
    ] as const) {
      const error = await failureOf(start({ VAULT_CACERT: file }));
      expect(pinErrorCode(error)).to.equal('ERR_PROVIDER_MISCONFIGURED');
      expect(error?.message).to.contain('VAULT_CACERT').and.to.contain(fact);
    }
  });
});
