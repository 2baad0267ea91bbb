import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { kvAnswer } from '../support/answers.js';
import { providerError } from '../support/errors.js';
import { readOnce } from '../support/provider.js';

// Wire-true stand-in for the listener of an agent: the real ones are programs of their own.
describe('a listener on a unix socket', () => {
  let folder: string;
  let socketPath: string;
  let server: Server;
  let seen: { url: string | undefined; host: string | undefined; marked: unknown }[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-socket-'));
    socketPath = join(folder, 'agent.sock');
    seen = [];
    server = createServer(({ url, headers }, response) => {
      seen.push({ url, host: headers.host, marked: headers['x-vault-request'] });
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(kvAnswer({ a: 'none' })));
    }).listen(socketPath);
    await once(server, 'listening');
  });

  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  const read = (options: object) =>
    readOnce({ path: 'secret/tls-pins', kvVersion: 2, token: 't', env: {}, ...options });

  it('is read, by option and by VAULT_AGENT_ADDR, which goes before VAULT_ADDR', async () => {
    const address = `unix://${socketPath}`;
    const env = { VAULT_AGENT_ADDR: address, VAULT_ADDR: 'https://127.0.0.1:1' };
    for (const options of [{ address }, { env }])
      expect(await read(options)).to.deep.include({ document: { a: 'none' } });
    const request = { url: '/v1/secret/data/tls-pins', host: 'localhost', marked: 'true' };
    expect(seen).to.deep.equal([request, request]);
  });

  it('is named in the error where nobody listens', async () => {
    server.close();
    const address = `unix://${socketPath}`;
    const error = await providerError(() => read({ address, maxRetries: 0 }), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.message).to.contain(`unix:${socketPath}`);
  });
});
