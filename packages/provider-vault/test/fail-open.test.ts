import { expect } from 'chai';
import {
  createRootCa,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
  warningsDuring,
} from '@pinvault/testing';
import { kvAnswer } from './support/answers.js';
import { expectMisconfigured, providerError } from './support/errors.js';
import { readOnce } from './support/provider.js';

describe('ways to switch the check of the vault’s certificate off', () => {
  let leaf: TestCertificate;
  let vault: TestTlsServer;

  beforeEach(async () => {
    leaf = await (await createRootCa()).issue({ hosts: ['127.0.0.1'] });
    vault = await startTlsServer({
      chain: [leaf],
      respond: (_request, response) =>
        response.setHeader('Content-Type', 'application/json').end(JSON.stringify(kvAnswer({ a: 'none' }))),
    });
  });

  afterEach(async () => {
    await vault.close();
  });

  const read = (env: Record<string, string>, address = vault.origin) =>
    readOnce({ address, path: 'secret/tls-pins', token: 't', env });

  async function refused(env: Record<string, string>): Promise<void> {
    await providerError(() => read(env), 'ERR_PROVIDER_UNAVAILABLE');
    expect(vault.handshakes + vault.connections).to.be.above(0);
    expect(vault.applicationBytes).to.equal(0);
  }

  it('are not VAULT_SKIP_VERIFY=false or =0, which node-vault takes for true', async () => {
    for (const value of ['false', '0', 'F', '']) await refused({ VAULT_SKIP_VERIFY: value });
  });

  it('are not what the process says to node-vault', async () => {
    process.env['VAULT_SKIP_VERIFY'] = '1';
    try {
      await refused({});
    } finally {
      delete process.env['VAULT_SKIP_VERIFY'];
    }
  });

  it('are not NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      // Node warns of the variable.
      await warningsDuring(() => refused({}));
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
  });

  it('are VAULT_SKIP_VERIFY on loopback, as the twin that shows that it is read', async () => {
    expect(await read({ VAULT_SKIP_VERIFY: 'true' })).to.deep.include({ document: { a: 'none' } });
    await expectMisconfigured(
      () => read({ VAULT_SKIP_VERIFY: 'true' }, 'https://192.0.2.1:8200'),
      'VAULT_SKIP_VERIFY',
    );
  });
});
