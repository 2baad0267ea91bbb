import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRootCa, runChild, startTlsServer, type TestTlsServer } from '@pinvault/testing';
import { describeWithEmulator } from './support/emulator.js';

// The variables of the SDK count when a process starts; each walk has one of its own, as a service has.
const source = `
  import { createAzureProvider } from '@pinvault/provider-azure';
  const provider = createAzureProvider({ clientOptions: JSON.parse(process.env.CLIENT_OPTIONS ?? '{}') });
  const hold = setTimeout(() => undefined, 20_000);
  const signal = new AbortController().signal;
  for (let round = 0; round < Number(process.env.READS ?? 1); round += 1) {
    const result = await provider.read({ signal }).catch((error) => error);
    console.log(result.document ?? [result.code, result.detail, result.message].join(' '));
  }
  clearTimeout(hold);
  await provider.close();
`;

describeWithEmulator('DefaultAzureCredential, walked for real', function (emulated) {
  this.timeout(30_000);

  let folder: string;
  let caFile: string;

  before(async () => {
    const { vault } = emulated();
    await vault.set('tls-pins', '{"a":"none"}');
    folder = await mkdtemp(join(tmpdir(), 'pinvault-azure-identity-'));
    caFile = join(folder, 'ca.pem');
    await writeFile(caFile, vault.ca);
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function walk(env: Readonly<Record<string, string>>): Promise<string> {
    const { vault } = emulated();
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      source,
      {
        PINVAULT_AZURE_VAULT_URL: vault.url,
        PINVAULT_AZURE_SECRET_NAME: 'tls-pins',
        NODE_EXTRA_CA_CERTS: caFile,
        // Environment, workload identity, managed identity; none of a developer's tools.
        AZURE_TOKEN_CREDENTIALS: 'prod',
        PATH: '/nonexistent',
        ...env,
      },
      25_000,
    );
    expect(code, output).to.equal(0);
    return output;
  }

  it('reads by the managed identity, with nothing given but the environment', async () => {
    const { issuer } = emulated();
    const before = issuer.issued;
    expect(await walk(issuer.environment)).to.equal('{"a":"none"}\n');
    expect(issuer.issued).to.equal(before + 1);
  });

  it('asks for one token for many reads', async () => {
    const { issuer } = emulated();
    const before = issuer.issued;
    expect(await walk({ ...issuer.environment, READS: '4' })).to.equal('{"a":"none"}\n'.repeat(4));
    expect(issuer.issued).to.equal(before + 1);
  });

  it('finds the managed identity also where it is the only one that is looked at', async () => {
    const { issuer } = emulated();
    const env = { ...issuer.environment, AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential' };
    expect(await walk(env)).to.equal('{"a":"none"}\n');
  });

  for (const [what, claims] of [
    ['another audience', { aud: 'https://management.azure.com' }],
    ['yesterday', { exp: Math.floor(Date.now() / 1_000) - 86_400 }],
  ] as const) {
    it(`is denied by the vault with a token of ${what}`, async () => {
      const { issuer } = emulated();
      issuer.useClaims(claims);
      try {
        expect(await walk(issuer.environment)).to.match(/^ERR_PROVIDER_DENIED token /u);
      } finally {
        issuer.useClaims({});
      }
    });
  }

  it('is denied by the vault where the identity lacks the permission', async () => {
    const { vault, issuer } = emulated();
    await vault.permit({ reader: ['secrets/list'] });
    try {
      expect(await walk(issuer.environment))
        .to.match(/^ERR_PROVIDER_DENIED /u)
        .and.to.contain('Key Vault Secrets User');
    } finally {
      await vault.permit({});
    }
  });

  describe('with a client secret', () => {
    const secret = 's3cret-of-the-client';
    let authority: TestTlsServer;
    let trusted: string;
    let answer: () => { readonly status: number; readonly body: object };

    before(async () => {
      const root = await createRootCa();
      authority = await startTlsServer({
        chain: [await root.issue({ hosts: ['localhost'] })],
        respond(request, response) {
          const origin = `https://localhost:${authority.port}`;
          const found = {
            issuer: `${origin}/adfs`,
            token_endpoint: `${origin}/adfs/oauth2/token`,
            authorization_endpoint: `${origin}/adfs/oauth2/authorize`,
            jwks_uri: `${origin}/adfs/discovery/keys`,
          };
          const isDiscovery = request.url?.includes('openid-configuration') === true;
          const { status, body } = isDiscovery ? { status: 200, body: found } : answer();
          request.resume();
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
        },
      });
      trusted = join(folder, 'both.pem');
      await writeFile(trusted, `${emulated().vault.ca}\n${root.pem}`);
    });

    after(async () => {
      await authority.close();
    });

    // The one kind of tenant for which the SDK asks nobody on the network whether the authority is a real one.
    const environment = () => ({
      AZURE_AUTHORITY_HOST: `https://localhost:${authority.port}`,
      AZURE_TENANT_ID: 'adfs',
      AZURE_CLIENT_ID: '11111111-1111-1111-1111-111111111111',
      AZURE_CLIENT_SECRET: secret,
      NODE_EXTRA_CA_CERTS: trusted,
    });

    it('reads', async () => {
      const token = emulated().issuer.mint();
      answer = () => ({
        status: 200,
        body: { access_token: token, expires_in: 3_600, token_type: 'Bearer' },
      });
      expect(await walk(environment())).to.equal('{"a":"none"}\n');
    });

    it('is denied where the secret is wrong, and it is in no error', async () => {
      answer = () => ({
        status: 401,
        body: {
          error: 'invalid_client',
          error_description: `AADSTS7000215: Invalid client secret ${secret}`,
        },
      });
      const output = await walk(environment());
      expect(output)
        .to.match(/^ERR_PROVIDER_DENIED credential /u)
        .and.to.contain('AADSTS7000215');
      expect(output).not.to.contain(secret);
    });
  });

  it('says so where the machine has no identity, or another one', async () => {
    const { issuer } = emulated();
    const stranger = { ...issuer.environment, IDENTITY_HEADER: 's3cret-of-another' };
    for (const env of [stranger, { IDENTITY_ENDPOINT: 'http://127.0.0.1:1/', IDENTITY_HEADER: 's3cret' }]) {
      const output = await walk(env);
      expect(output).to.match(/^ERR_PROVIDER_(?:UNAVAILABLE|DENIED) credential /u);
      expect(output).not.to.contain('s3cret');
    }
  });
});
