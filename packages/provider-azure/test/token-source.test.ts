import { expect } from 'chai';
import type { AzureToken, AzureTokenCredential } from '#src/index.js';
import { TokenSource } from '#src/token-source.js';
import { failureOf, providerError } from './support/errors.js';

const scope = 'https://vault.azure.net/.default';
const hourMs = 3_600_000;

/** A credential that counts, on a clock that a test moves. */
class Bench {
  now = 1_000_000;
  asked = 0;
  answer: () => Promise<AzureToken | null> = async () => ({
    token: `token-${this.asked}`,
    expiresOnTimestamp: this.now + hourMs,
  });
  readonly source: TokenSource;

  constructor(
    options: { readonly vaultScopesOnly?: boolean; readonly credential?: AzureTokenCredential } = {},
  ) {
    const own: AzureTokenCredential = {
      getToken: () => {
        this.asked += 1;
        return this.answer();
      },
    };
    this.source = new TokenSource({
      load: async () => options.credential ?? own,
      vaultScopesOnly: options.vaultScopesOnly ?? false,
      now: () => this.now,
    });
  }

  async token(options?: { readonly claims?: string; readonly tenantId?: string }): Promise<string> {
    return (await this.source.getToken(scope, options)).token;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('TokenSource', () => {
  let bench: Bench;

  beforeEach(() => {
    bench = new Bench();
  });

  afterEach(() => {
    bench.source.close();
  });

  it('asks once, and keeps the token while it is good', async () => {
    expect([await bench.token(), await bench.token()]).to.deep.equal(['token-1', 'token-1']);
    bench.now += hourMs - 300_001;
    expect(await bench.token()).to.equal('token-1');
    expect(bench.asked).to.equal(1);
  });

  it('asks once for all who want one at the same time', async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, () => bench.token()));
    expect(new Set(tokens)).to.deep.equal(new Set(['token-1']));
    expect(bench.asked).to.equal(1);
  });

  it('asks ahead of the end, and lets nobody wait for it', async () => {
    await bench.token();
    bench.now += hourMs - 300_000;
    expect(await bench.token()).to.equal('token-1');
    await settled();
    expect(await bench.token()).to.equal('token-2');
    expect(bench.asked).to.equal(2);
  });

  it('asks ahead when the credential says so', async () => {
    bench.answer = async () => ({
      token: `token-${bench.asked}`,
      expiresOnTimestamp: bench.now + hourMs,
      refreshAfterTimestamp: bench.now + 60_000,
    });
    await bench.token();
    bench.now += 60_000;
    await bench.token();
    await settled();
    expect(await bench.token()).to.equal('token-2');
  });

  it('waits for a new one at the last moment', async () => {
    await bench.token();
    bench.now += hourMs - 10_000;
    expect(await bench.token()).to.equal('token-2');
  });

  it('serves the old one as long as it is good when there is no new one, and nothing is left unhandled', async () => {
    await bench.token();
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    try {
      bench.answer = () => Promise.reject(new Error('no network'));
      bench.now += hourMs - 60_000;
      for (let round = 0; round < 5; round += 1) {
        expect(await bench.token()).to.equal('token-1');
        await settled();
      }
      bench.now += 60_000;
      await providerError(() => bench.token(), 'ERR_PROVIDER_UNAVAILABLE');
      await settled();
      expect(bench.asked).to.equal(7);
      expect(unhandled).to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', listen);
    }
  });

  it('tells the SDK of no expiry, so that it refreshes nothing by itself', async () => {
    const first = await bench.source.getToken(scope);
    const kept = await bench.source.getToken(scope);
    expect([first, kept]).to.deep.equal([
      { token: 'token-1', expiresOnTimestamp: 0 },
      { token: 'token-1', expiresOnTimestamp: 0 },
    ]);
  });

  it('keeps tenants apart, and asks anew for claims that a challenge brings', async () => {
    expect(await bench.token({ tenantId: 'a' })).to.equal('token-1');
    expect(await bench.token({ tenantId: 'b' })).to.equal('token-2');
    expect(await bench.token({ tenantId: 'a' })).to.equal('token-1');
    expect(await bench.token({ tenantId: 'a', claims: 'x' })).to.equal('token-3');
    expect(await bench.token({ tenantId: 'a' })).to.equal('token-3');
  });

  it('forgets what the vault has refused', async () => {
    await bench.token();
    bench.source.forget();
    expect(await bench.token()).to.equal('token-2');
  });

  it('hands the credential a signal of its own: who gives up ends nothing for the others', async () => {
    let signal: AbortSignal | undefined;
    const credential: AzureTokenCredential = {
      getToken: async (_scopes, options) => {
        signal = options?.abortSignal;
        return { token: 'a', expiresOnTimestamp: Date.now() + hourMs };
      },
    };
    const own = new AbortController();
    const { source } = new Bench({ credential });
    own.abort();
    await source.getToken(scope, { abortSignal: own.signal });
    expect(signal).to.be.an.instanceof(AbortSignal).and.not.to.equal(own.signal);
    expect(signal?.aborted).to.equal(false);
    source.close();
    expect(signal?.aborted).to.equal(true);
  });

  it('ends an acquisition that is under way when it is closed, although the credential does not listen', async () => {
    bench.answer = () => new Promise(() => undefined);
    const failed = failureOf(() => bench.token());
    await settled();
    bench.source.close();
    expect(await failed).to.have.property('code', 'ERR_PROVIDER_UNAVAILABLE');
  });

  it('refuses what is no token, and repeats none of it', async () => {
    for (const token of ['', 's3cret s3cret', 's3cret\r\nX-Evil: 1', undefined, 7]) {
      bench.answer = async () => ({ token: token as string, expiresOnTimestamp: 0 });
      const error = await providerError(() => bench.token(), 'ERR_PROVIDER_MISCONFIGURED');
      expect(error.message).not.to.contain('s3cret');
    }
    bench.answer = async () => undefined as never;
    await providerError(() => bench.token(), 'ERR_PROVIDER_MISCONFIGURED');
  });

  it('takes no token at all for a denial', async () => {
    bench.answer = async () => null;
    const error = await providerError(() => bench.token(), 'ERR_PROVIDER_DENIED');
    expect(error.detail).to.equal('credential');
  });

  it('tries to load the credential again after it could not be loaded', async () => {
    let loads = 0;
    const source = new TokenSource({
      load: async () => {
        loads += 1;
        if (loads === 1) throw new Error('s3cret');
        return { getToken: async () => ({ token: 'a', expiresOnTimestamp: 9e12 }) };
      },
      vaultScopesOnly: false,
    });
    const error = await providerError(() => source.getToken(scope), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.message).not.to.contain('s3cret');
    expect(await source.getToken(scope)).to.have.property('token', 'a');
  });

  describe('for a vault whose name is not looked at', () => {
    it('hands out tokens for Key Vault, in every cloud, and for nothing else', async () => {
      const { source } = (bench = new Bench({ vaultScopesOnly: true }));
      for (const good of [
        'https://vault.azure.net/.default',
        'https://vault.azure.cn/.default',
        'https://vault.usgovcloudapi.net/.default',
      ])
        expect(await source.getToken([good])).to.have.property('token');
      const { asked } = bench;
      for (const bad of [
        'https://management.azure.com/.default',
        'https://graph.microsoft.com/.default',
        'https://vault.azure.net.evil.example/.default',
        'https://vault.azure.net/other',
      ]) {
        const error = await providerError(() => source.getToken([bad]), 'ERR_PROVIDER_MISCONFIGURED');
        expect(error.detail).to.equal('challenge');
      }
      await providerError(
        () => source.getToken(['https://vault.azure.net/.default', 'https://graph.microsoft.com/.default']),
        'ERR_PROVIDER_MISCONFIGURED',
      );
      expect(bench.asked).to.equal(asked);
    });
  });
});
