import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  createPinResolver,
  type CreatePinResolverOptions,
  type PinErrorCode,
  type PinEvent,
  type PinResolver,
  pinErrorCode,
} from 'pinvault';
import { badDocuments, host, other, otherPin, spoiled } from './support/bad-documents.js';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from './support/open-bao.js';
import { PinnedHost } from './support/pinned-service.js';

describeWithOpenBao('bad input from a real vault', function () {
  this.timeout(60_000);

  let vault: OpenBaoServer;
  let service: PinnedHost;
  let folder: string;
  let tokenFile: string;
  let token: string;
  let good: Record<string, string>;
  let resolvers: PinResolver[];
  let events: PinEvent[];

  before(async () => {
    vault = await startOpenBao({ mode: 'dev' });
    service = await PinnedHost.start(host);
    good = { [host]: service.pin, [other]: otherPin };
    folder = await mkdtemp(join(tmpdir(), 'pinvault-bad-input-'));
    tokenFile = join(folder, 'token');
    await vault.putPolicy('pins-reader', 'path "secret/data/tls-pins" { capabilities = ["read"] }');
    // The same secret as a KV version 1 back end has it, where its path happens to begin with data/.
    await vault.api('POST', 'sys/mounts/old', { type: 'kv', options: { version: '1' } });
    token = await vault.createToken({ policies: ['pins-reader'] });
  });

  beforeEach(async () => {
    resolvers = [];
    events = [];
    await write(good);
    await writeFile(tokenFile, token);
  });

  afterEach(async () => {
    await Promise.all(resolvers.map((resolver) => resolver.close()));
    await api('DELETE', 'secret/metadata/tls-pins');
  });

  after(async () => {
    await service.close();
    await vault.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function api(method: string, path: string, body?: unknown): Promise<void> {
    const { status } = await vault.api(method, path, body);
    expect(status, `${method} ${path}`).to.be.below(300);
  }

  const write = (data: object): Promise<void> => api('POST', 'secret/data/tls-pins', { data });

  async function start(
    environment: Record<string, string> = {},
    options: CreatePinResolverOptions = {},
  ): Promise<PinResolver> {
    const resolver = await createPinResolver(
      {
        warnings: false,
        refreshIntervalMs: 3_600_000,
        startupTimeoutMs: 2_000,
        failedStartDelayMs: 0,
        onEvent: (event) => events.push(event),
        ...options,
      },
      {
        PINVAULT_PROVIDER: 'vault',
        PINVAULT_VAULT_PATH: 'secret/tls-pins',
        VAULT_ADDR: vault.address,
        BAO_TOKEN_PATH: tokenFile,
        ...environment,
      },
    );
    resolvers.push(resolver);
    return resolver;
  }

  /** The start fails with this code, and its text has these facts: the place and the fix. */
  async function startFails(code: PinErrorCode, facts: readonly string[], ...how: Parameters<typeof start>) {
    const error: unknown = await start(...how).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(pinErrorCode(error)).to.equal(code);
    for (const fact of facts) expect((error as Error).message).to.contain(fact);
  }

  interface Trouble {
    readonly spoil: () => Promise<unknown>;
    readonly code: PinErrorCode;
    readonly facts: readonly string[];
    /** What the next good state is, where writing the good document does not bring it about. */
    readonly mend?: () => Promise<unknown>;
  }

  /** A running service reads something bad, keeps its pins, says so, and takes the next good document. */
  async function survives(kind: 'lastError' | 'lastRejected', trouble: Trouble): Promise<void> {
    const pins = await start();
    await service.expectPinned(pins);
    await trouble.spoil();
    for (let round = 1; round <= 2; round += 1) {
      const outcome = await pins.refresh();
      expect(outcome.outcome).to.equal(kind === 'lastError' ? 'failed' : 'rejected');
      const told = pins.status()[kind];
      expect(told?.code).to.equal(trouble.code);
      for (const fact of trouble.facts) expect(told?.message).to.contain(fact);
      await service.expectPinned(pins);
    }
    const type = kind === 'lastError' ? 'refreshError' : 'documentRejected';
    expect(events.filter((event) => event.type === type)).not.to.have.length(0);
    await (trouble.mend ?? (() => write(good)))();
    expect((await pins.refresh()).outcome).to.equal('unchanged');
    expect(pins.status().lastError).to.equal(undefined);
    expect(pins.status().lastRejected).to.equal(undefined);
    if (kind === 'lastError') expect(events.map((event) => event.type)).to.include('recovered');
    await service.expectPinned(pins);
  }

  describe('in the document:', () => {
    for (const { what, code, rows, facts } of badDocuments) {
      it(`${what}: the start fails with ${code}, and says where it lies`, async () => {
        await write(rows());
        await startFails(code, [...facts, 'vault secret/tls-pins', 'revision 2']);
      });

      it(`${what}: a running service keeps its pins`, async () => {
        await survives('lastRejected', { code, facts, spoil: () => write(rows()) });
      });
    }

    it('too large for any answer: the start fails, a running service keeps its pins', async () => {
      const spoil = (): Promise<void> => write({ ...spoiled, $note: 'x'.repeat(2_200_000) });
      const trouble = { code: 'ERR_DOCUMENT_TOO_LARGE', facts: ['secret/tls-pins'], spoil } as const;
      await survives('lastRejected', trouble);
      await spoil();
      await startFails(trouble.code, trouble.facts);
    });

    it('older than the one in force: a running service keeps its pins, and hears how to go back', async () => {
      good = { ...good, $generation: '7' };
      try {
        await write(good);
        const spoil = (): Promise<void> => write({ ...spoiled, $generation: '6' });
        await survives('lastRejected', { code: 'ERR_DOCUMENT_ROLLBACK', facts: ['6', 'above 7'], spoil });
        await survives('lastRejected', {
          code: 'ERR_DOCUMENT_ROLLBACK',
          facts: ['no $generation', 'above 7'],
          spoil: () => write(spoiled),
        });
      } finally {
        delete good['$generation'];
      }
    });

    it('without a required host: the start fails', async () => {
      await write({ [other]: otherPin });
      const environment = { PINVAULT_REQUIRE: host };
      await startFails(
        'ERR_DOCUMENT_REQUIRED_HOST',
        [host, 'vault secret/tls-pins', 'add the row'],
        environment,
      );
    });

    it('without a required host: a running service keeps its pins, and says so', async () => {
      const pins = await start({ PINVAULT_REQUIRE: host });
      await write({ [other]: otherPin });
      await pins.refresh();
      await service.expectPinned(pins);
      expect(pins.status().quarantined).to.have.length(1);
      expect(pins.status().quarantined[0]).to.include({ key: host, code: 'ERR_DOCUMENT_REQUIRED_HOST' });
      await write(good);
      await pins.refresh();
      expect(pins.status().quarantined).to.deep.equal([]);
    });

    it('a bad row at the start: its host is refused and named, its neighbours are taken', async () => {
      await write({ ...good, [host]: 'sha256/short' });
      const pins = await start();
      expect(pins.status().quarantined).to.have.length(1);
      expect(pins.status().quarantined[0]).to.include({ key: host, code: 'ERR_PIN_SYNTAX' });
      expect(pins.lookup(other)).to.include({ rule: 'pins' });
      expect(await service.request(pins)).to.equal('ERR_PIN_ROW_INVALID');
      await write(good);
      await pins.refresh();
      expect(pins.status().quarantined).to.deep.equal([]);
      await service.expectPinned(pins);
    });

    it('a bad row later: its host keeps its pins, its neighbours move on', async () => {
      const pins = await start();
      await write({ [host]: 'sha256/short', [other]: service.pin });
      expect((await pins.refresh()).outcome).to.equal('rotated');
      await service.expectPinned(pins);
      expect(pins.lookup(other)).to.have.nested.property('pins[0].pin', service.pin);
      expect(pins.status().quarantined[0]).to.include({ key: host, code: 'ERR_PIN_SYNTAX', tokenIndex: 0 });
      expect(events.filter((event) => event.type === 'rowRejected')).to.have.length(1);
      await write(good);
      await pins.refresh();
      expect(pins.status().quarantined).to.deep.equal([]);
      await service.expectPinned(pins);
    });
  });

  describe('in the path:', () => {
    const path = (text: string) => ({ PINVAULT_VAULT_PATH: text });

    it('a secret that was never written', async () => {
      await writeFile(tokenFile, vault.token);
      await startFails(
        'ERR_PROVIDER_NOT_FOUND',
        ['secret/tls-pinz', 'vault kv get'],
        path('secret/tls-pinz'),
      );
    });

    it('a secret that the token may not see', async () => {
      const environment = path('elsewhere/tls-pins');
      await startFails('ERR_PROVIDER_DENIED', ['"elsewhere/data/tls-pins"', 'read'], environment);
    });

    it('a mount that does not exist', async () => {
      await writeFile(tokenFile, vault.token);
      const environment = path('elsewhere/tls-pins');
      await startFails('ERR_PROVIDER_NOT_FOUND', ['"elsewhere/"', 'namespace'], environment);
    });

    it('a version that the mount does not have', async () => {
      await writeFile(tokenFile, vault.token);
      await api('POST', 'old/tls-pins', good);
      const said = (kvVersion: 1 | 2, mountPath: string): Parameters<typeof start> => [
        {},
        { vault: { path: mountPath, kvVersion } },
      ];
      await startFails(
        'ERR_PROVIDER_NOT_FOUND',
        ['old/tls-pins', 'KV version 2'],
        ...said(2, 'old/tls-pins'),
      );
      await startFails('ERR_PROVIDER_NOT_FOUND', ['tls-pins', 'KV version'], ...said(1, 'secret/tls-pins'));
      await service.expectPinned(await start(path('old/tls-pins')));
    });

    it('what is no path', async () => {
      for (const text of ['tls-pins', 'secret/data/tls-pins', 'secret/../sys/health']) {
        const error: unknown = await start(path(text)).catch((reason: unknown) => reason);
        expect(error).to.include({ code: 'ERR_INVALID_OPTION' });
        expect((error as Error).message)
          .to.contain('PINVAULT_VAULT_PATH')
          .and.to.contain('secret');
      }
    });

    it('a secret that is deleted, destroyed, or gone with all its versions', async () => {
      const gone = [
        ['deleted', () => api('DELETE', 'secret/data/tls-pins')],
        ['destroyed', async () => api('POST', 'secret/destroy/tls-pins', { versions: [await version()] })],
        ['no secret', () => api('DELETE', 'secret/metadata/tls-pins')],
      ] as const;
      for (const [fact, spoil] of gone) {
        const facts = ['secret/tls-pins', fact];
        await survives('lastError', { code: 'ERR_PROVIDER_NOT_FOUND', facts, spoil });
        await spoil();
        await startFails('ERR_PROVIDER_NOT_FOUND', facts);
        await write(good);
      }
    });

    async function version(): Promise<number> {
      const { body } = await vault.api('GET', 'secret/metadata/tls-pins');
      return (body as { data: { current_version: number } }).data.current_version;
    }
  });

  describe('in the token:', () => {
    const tokens: readonly (readonly [string, PinErrorCode, () => Promise<string>, readonly string[]])[] = [
      [
        'one that nobody issued',
        'ERR_PROVIDER_DENIED',
        async () => 's.nobody',
        ['"secret/data/tls-pins"', 'read'],
      ],
      [
        'one without the policy',
        'ERR_PROVIDER_DENIED',
        () => vault.createToken({ policies: ['default'] }),
        ['"secret/data/tls-pins"', 'read'],
      ],
      ['one that is empty', 'ERR_PROVIDER_MISCONFIGURED', async () => '\n', ['BAO_TOKEN_PATH']],
      ['one that is no token', 'ERR_PROVIDER_MISCONFIGURED', async () => 'two words', ['BAO_TOKEN_PATH']],
    ];
    for (const [what, code, make, facts] of tokens) {
      it(`${what}: the start fails, a running service keeps its pins`, async () => {
        const spoil = async (): Promise<void> => writeFile(tokenFile, await make());
        await survives('lastError', { code, facts, spoil, mend: () => writeFile(tokenFile, token) });
        await spoil();
        await startFails(code, facts);
      });
    }

    it('none at all', async () => {
      const environment = { BAO_TOKEN_PATH: '', HOME: folder };
      await startFails('ERR_PROVIDER_MISCONFIGURED', ['VAULT_TOKEN', '.vault-token'], environment);
      await rm(tokenFile);
      await startFails('ERR_PROVIDER_MISCONFIGURED', ['BAO_TOKEN_PATH', 'ENOENT']);
    });

    it('one that is revoked under a running service', async () => {
      const mine = await vault.createToken({ policies: ['pins-reader'] });
      await writeFile(tokenFile, mine);
      await survives('lastError', {
        code: 'ERR_PROVIDER_DENIED',
        facts: ['secret/tls-pins', 'revoked'],
        spoil: () => api('POST', 'auth/token/revoke', { token: mine }),
        mend: () => writeFile(tokenFile, token),
      });
    });
  });

  describe('in the address:', () => {
    it('what is no address', async () => {
      for (const [address, fact] of [
        ['127.0.0.1:8200', 'https://'],
        ['vault', 'https://vault.example.com:8200'],
        [`${vault.address}/v1/secret`, '/v1'],
        ['http://vault.example.com:8200', 'allowInsecureStore'],
      ] as const)
        await startFails('ERR_PROVIDER_MISCONFIGURED', [fact], { VAULT_ADDR: address });
      await startFails('ERR_PROVIDER_MISCONFIGURED', ['VAULT_ADDR'], { VAULT_ADDR: '' });
    });

    it('one where nothing listens', async () => {
      const environment = { VAULT_ADDR: 'http://127.0.0.1:1' };
      await startFails(
        'ERR_PROVIDER_UNAVAILABLE',
        ['127.0.0.1:1', 'VAULT_ADDR', 'PINVAULT_FALLBACK_PINS'],
        environment,
      );
    });

    it('https where the vault speaks http', async () => {
      const environment = { VAULT_ADDR: vault.address.replace('http:', 'https:') };
      await startFails('ERR_PROVIDER_UNAVAILABLE', [new URL(vault.address).host, 'https'], environment);
    });
  });
});
