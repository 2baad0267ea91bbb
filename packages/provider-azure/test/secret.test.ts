import { expect } from 'chai';
import type { PinProviderError } from '@pinvault/core';
import type { AzureSecretProperties } from '#src/index.js';
import { readSecret } from '#src/secret.js';
import { documentError, providerError } from './support/errors.js';

const now = Date.parse('2026-11-24T12:00:00Z');
const place = { host: 'pins.vault.azure.net', vaultName: 'pins', name: 'tls-pins' };
const version = '4387e9f3d6e14c459867679a90fd0f79';

function of(properties: AzureSecretProperties, value: string | undefined = '{}', knownRevision?: string) {
  const secret = { properties: { version, ...properties }, ...(value === undefined ? {} : { value }) };
  return readSecret(secret, place, { now, knownRevision });
}

describe('readSecret', () => {
  it('brings value, version and time', () => {
    const createdOn = new Date(now - 1_000);
    expect(of({ createdOn }, '{"a":"none"}')).to.deep.equal({
      document: '{"a":"none"}',
      revision: version,
      createdAt: createdOn,
    });
  });

  it('leaves a time out that is none', () => {
    expect(of({})).not.to.have.property('createdAt');
    expect(of({ createdOn: new Date(NaN) })).not.to.have.property('createdAt');
  });

  it('says so where the version is the one that is known', () => {
    expect(of({}, '{}', version)).to.deep.equal({ unchanged: true, revision: version });
    expect(of({}, '{}', 'another')).to.have.property('document', '{}');
  });

  describe('of a version that is not in force', () => {
    async function refused(properties: AzureSecretProperties, detail: string): Promise<PinProviderError> {
      const error = await providerError(() => of(properties), 'ERR_PROVIDER_NOT_FOUND');
      expect(error.detail).to.equal(detail);
      expect(error.message).to.contain(version).and.to.contain('--vault-name pins --name tls-pins');
      // The document is known already: that it has ended is news all the same.
      const known = await providerError(() => of(properties, '{}', version), 'ERR_PROVIDER_NOT_FOUND');
      expect(known.detail).to.equal(detail);
      return error;
    }

    it('refuses a disabled one', async () => {
      await refused({ enabled: false }, 'disabled');
      expect(of({ enabled: true })).to.have.property('document');
    });

    it('refuses one until its first moment', async () => {
      const error = await refused({ notBefore: new Date(now + 1) }, 'not-yet-valid');
      expect(error.message).to.contain('2026-11-24T12:00:00.001Z');
      expect(of({ notBefore: new Date(now) })).to.have.property('document');
    });

    it('refuses one from its end on', async () => {
      await refused({ expiresOn: new Date(now) }, 'expired');
      await refused({ expiresOn: new Date(now - 86_400_000) }, 'expired');
      expect(of({ expiresOn: new Date(now + 1) })).to.have.property('document');
    });

    it('refuses one whose dates cannot be read', async () => {
      await refused({ expiresOn: new Date(NaN) }, 'expired');
      await refused({ notBefore: new Date(NaN) }, 'not-yet-valid');
    });
  });

  describe('of a content type', () => {
    it('takes none, free text, JSON in all its names, and plain text', () => {
      for (const contentType of [
        undefined,
        '',
        'pins of the payment service',
        'application/json',
        'Application/JSON; charset=utf-8',
        'text/json',
        'text/plain',
        'application/vnd.pinvault.v1+json',
      ])
        expect(of(contentType === undefined ? {} : { contentType }), contentType).to.have.property(
          'document',
        );
    });

    it('refuses what claims to be something else, and says what', async () => {
      for (const contentType of [
        'application/x-pkcs12',
        'application/x-pem-file',
        'application/jsonp',
        'application/octet-stream',
        'text/html; charset=utf-8',
      ]) {
        const error = await documentError(() => of({ contentType }), 'ERR_DOCUMENT_MALFORMED');
        expect(error.reason).to.equal('not-json');
        expect(error.message).to.contain(contentType.split(';')[0]);
      }
    });

    it('tells the secret behind a certificate', async () => {
      for (const contentType of ['application/x-pkcs12', 'application/x-pem-file']) {
        const error = await documentError(() => of({ contentType }), 'ERR_DOCUMENT_MALFORMED');
        expect(error.hint).to.contain('certificate');
      }
    });

    it('is not repeated where it is long or odd', async () => {
      const contentType = `application/${'s3cret '.repeat(20)}`;
      const error = await documentError(() => of({ contentType }), 'ERR_DOCUMENT_MALFORMED');
      expect(error.message).not.to.contain('s3cret');
    });
  });

  it('refuses what is no secret: without a text, without a version', async () => {
    const noValue = { properties: { version } };
    await documentError(() => readSecret(noValue, place, { now }), 'ERR_DOCUMENT_MALFORMED');
    await documentError(() => of({ version: '' }), 'ERR_DOCUMENT_MALFORMED');
  });
});
