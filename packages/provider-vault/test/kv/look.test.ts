import { expect } from 'chai';
import { startDevVault, type DevVault } from '@pinvault/testing';
import type { PinErrorCode, PinProvider } from '@pinvault/core';
import { createVaultProvider } from '#src/index.js';
import { answering } from '../support/answers.js';
import { providerError } from '../support/errors.js';
import { optionsFor } from '../support/provider.js';

// What a proxy, a gateway or an old vault answers there; test/src/vault-kv.test.ts asks a real one.
describe('a look at the versions', () => {
  let vault: DevVault;
  let provider: PinProvider;

  beforeEach(async () => {
    vault = await startDevVault();
    vault.write(
      'tls-pins',
      Object.fromEntries(
        Array.from({ length: 60 }, (_each, index) => [`host-${String(index)}.test`, 'none']),
      ),
    );
    provider = createVaultProvider(optionsFor(vault));
    await read();
  });

  afterEach(async () => {
    await provider.close?.();
    await vault.close();
  });

  const read = async (knownRevision?: string) =>
    provider.read({
      signal: new AbortController().signal,
      ...(knownRevision === undefined ? {} : { knownRevision }),
    });

  function answerLooks(status: number, body: unknown): void {
    const answer = answering(status, body);
    vault.respondWith((request, response) =>
      request.url?.startsWith('/v1/secret/metadata/') === true ? answer(request, response) : false,
    );
  }

  for (const status of [204, 400, 403, 404, 405, 418]) {
    it(`that is answered with ${String(status)} says nothing: the secret is read`, async () => {
      answerLooks(status, { errors: ['not here'] });
      expect(await read('1')).to.have.property('document');
    });
  }

  for (const body of ['', 'null', '[]', '{}', '{"data":null}', '{"data":{"current_version":1}}', '<html>']) {
    it(`that is answered with ${JSON.stringify(body)} says nothing: the secret is read`, async () => {
      answerLooks(200, body);
      expect(await read('1')).to.have.property('document');
    });
  }

  for (const [status, code] of [
    [429, 'ERR_PROVIDER_THROTTLED'],
    [503, 'ERR_PROVIDER_UNAVAILABLE'],
  ] as const satisfies readonly (readonly [number, PinErrorCode])[]) {
    it(`that is answered with ${String(status)} ends the read: a second request would help nobody`, async () => {
      answerLooks(status, { errors: ['later'] });
      const before = vault.requests;
      await providerError(() => read('1'), code);
      expect(vault.requests).to.equal(before + 1);
    });
  }
});
