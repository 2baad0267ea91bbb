import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DevVault, startDevVault, VirtualClock } from '@pinvault/testing';
import { createVaultProvider, type VaultAuthOptions } from '#src/index.js';
import { providerError } from '../support/errors.js';
import { documentOf } from '../support/provider.js';
import { signatureOf } from '../support/sigv4.js';

const rows = { 'api.example.com': 'none' };
const token = 'hvs.of-the-log-in';

/** What the server was sent to log in. */
interface LogIn {
  readonly path: string;
  readonly body: Record<string, string>;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, string>> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text) as Record<string, string>;
}

// OpenBao 2.7.1 has no ldap and no aws method: a stand-in answers, in the form of Vault's documentation.
describe('log-ins that only a stand-in takes', () => {
  let vault: DevVault;
  let logIns: LogIn[];

  beforeEach(async () => {
    logIns = [];
    vault = await startDevVault({ token });
    vault.write('tls-pins', rows);
    vault.respondWith(async (request, response) => {
      if (request.method !== 'POST') return false;
      logIns.push({ path: request.url ?? '', body: await bodyOf(request) });
      const auth = { client_token: token, lease_duration: 3_600, renewable: true, num_uses: 0 };
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ auth }));
      return true;
    });
  });

  afterEach(async () => {
    await vault.close();
  });

  async function logIn(auth: VaultAuthOptions): Promise<LogIn> {
    const options = { path: 'secret/tls-pins', kvVersion: 2, env: {}, maxRetries: 0 } as const;
    const provider = createVaultProvider({ ...options, address: vault.address, auth });
    try {
      expect(await documentOf(provider)).to.deep.equal(rows);
    } finally {
      await provider.close?.();
    }
    expect(logIns).to.have.length(1);
    return logIns[0] as LogIn;
  }

  it('LDAP: the name in the path, the password in the body', async () => {
    const sent = await logIn({ method: 'ldap', mount: 'team/ldap', username: 'pay ments', password: 'p"w' });
    expect(sent).to.deep.equal({ path: '/v1/auth/team/ldap/login/pay%20ments', body: { password: 'p"w' } });
  });

  describe('AWS IAM', () => {
    const credentials = {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      sessionToken: 'session-token',
    };
    const decoded = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString();

    it('signs a GetCallerIdentity, with the server id inside of what is signed', async () => {
      const { path, body } = await logIn({
        method: 'aws',
        role: 'payments',
        serverId: 'vault.example.com',
        credentials,
      });
      expect(path).to.equal('/v1/auth/aws/login');
      expect(body).to.include({ role: 'payments', iam_http_request_method: 'POST' });
      expect(decoded(body['iam_request_url'])).to.equal('https://sts.amazonaws.com/');
      const request = decoded(body['iam_request_body']);
      expect(new URLSearchParams(request).get('Action')).to.equal('GetCallerIdentity');
      const headers = JSON.parse(decoded(body['iam_request_headers'])) as Record<string, string>;
      const names = Object.keys(headers).map((name) => name.toLowerCase());
      expect(names).to.include('x-amz-security-token');
      const authorization = headers['authorization'] ?? headers['Authorization'] ?? '';
      const signed = /SignedHeaders=([^,]+)/u.exec(authorization)?.[1]?.split(';');
      expect(signed).to.include.members(['host', 'x-amz-date', 'x-vault-aws-iam-server-id']);
      expect(headers['X-Vault-AWS-IAM-Server-ID']).to.equal('vault.example.com');
      // As STS checks it.
      expect(authorization).to.contain(signatureOf(headers, request, credentials.secretAccessKey));
      const other = { ...headers, 'X-Vault-AWS-IAM-Server-ID': 'evil.example.com' };
      expect(authorization).not.to.contain(signatureOf(other, request, credentials.secretAccessKey));
    });

    it('signs for the STS of a region', async () => {
      const { body } = await logIn({
        method: 'aws',
        region: 'eu-central-1',
        credentials: async () => credentials,
      });
      expect(decoded(body['iam_request_url'])).to.equal('https://sts.eu-central-1.amazonaws.com/');
      expect(decoded(body['iam_request_headers'])).to.contain('/eu-central-1/sts/aws4_request');
    });

    it('ends where the chain of credentials hangs, and is tried again', async () => {
      const clock = new VirtualClock(Date.now());
      let isHanging = true;
      const identity = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
      const credentials = async () => (isHanging ? new Promise<typeof identity>(() => undefined) : identity);
      const provider = createVaultProvider({
        address: vault.address,
        path: 'secret/tls-pins',
        kvVersion: 2,
        env: {},
        maxRetries: 0,
        auth: { method: 'aws', credentials },
        clock,
      });
      const hung = providerError(
        () => provider.read({ signal: new AbortController().signal }),
        'ERR_PROVIDER_UNAVAILABLE',
      );
      let isOver = false;
      void hung.finally(() => (isOver = true));
      while (!isOver) await clock.advance(1_000);
      await hung;
      isHanging = false;
      await clock.advance(2_000);
      expect(await documentOf(provider)).to.deep.equal(rows);
      await provider.close?.();
    });

    it('tells that there are no credentials, and nothing of why', async () => {
      const failing = async (): Promise<object> => {
        throw new Error('s3cret');
      };
      const auth = { method: 'aws', credentials: failing } as const;
      const provider = createVaultProvider({
        address: vault.address,
        path: 'secret/tls-pins',
        env: {},
        auth,
      });
      const error = await providerError(() => documentOf(provider), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.message).not.to.contain('s3cret');
      await provider.close?.();
    });
  });
});

// Vault Agent is not among the programs at hand: a listener with `require_request_header` stands in.
describe('the listener of an agent', () => {
  for (const kind of ['a port', 'a unix socket'] as const) {
    it(`on ${kind} gets no token, and the header that it asks for`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'pinvault-agent-'));
      const seen: IncomingMessage['headers'][] = [];
      const server = createServer((request, response) => {
        seen.push(request.headers);
        const isAllowed = request.headers['x-vault-request'] === 'true';
        response.writeHead(isAllowed ? 200 : 412, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ data: { data: rows, metadata: { version: 1 } } }));
      });
      const socket = join(folder, 'agent.sock');
      if (kind === 'a port') server.listen(0, '127.0.0.1');
      else server.listen(socket);
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      const provider = createVaultProvider({
        path: 'secret/tls-pins',
        kvVersion: 2,
        auth: { method: 'agent' },
        env: {
          // A token that lies around is not for the agent.
          VAULT_TOKEN: 'hvs.lies-around',
          VAULT_AGENT_ADDR: port === undefined ? `unix://${socket}` : `http://127.0.0.1:${String(port)}`,
        },
      });
      try {
        expect(await documentOf(provider)).to.deep.equal(rows);
        expect(seen).to.have.length(1);
        expect(seen[0]).not.to.have.property('x-vault-token');
      } finally {
        await provider.close?.();
        server.close();
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});
