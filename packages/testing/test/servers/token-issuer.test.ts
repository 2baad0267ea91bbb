import { createPublicKey, createVerify, type JsonWebKey } from 'node:crypto';
import { expect } from 'chai';
import { startTokenIssuer, type TokenIssuer } from '#src/index.js';

const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;

describe('the token issuer', () => {
  let issuer: TokenIssuer;

  beforeEach(async () => {
    issuer = await startTokenIssuer({ identityHeader: 'header-of-this-test' });
  });

  afterEach(async () => {
    await issuer.close();
  });

  const askIdentity = async (header: string): Promise<Response> =>
    fetch(`${issuer.environment.IDENTITY_ENDPOINT}?resource=https%3A%2F%2Fvault.azure.net`, {
      headers: { 'x-identity-header': header },
    });

  it('signs tokens with the key that it publishes', async () => {
    const keys = (await (await fetch(issuer.issuer.replace('/v2.0', '/discovery/v2.0/keys'))).json()) as {
      keys: (JsonWebKey & { readonly kid: string })[];
    };
    const [header = '', payload = '', signature = ''] = issuer.mint().split('.');
    const jwk = keys.keys[0];
    if (jwk === undefined) return expect.fail('no key');
    expect(decode(header)).to.deep.include({ alg: 'RS256', kid: jwk.kid });
    const verifies = (text: string): boolean =>
      createVerify('RSA-SHA256')
        .update(text)
        .verify(createPublicKey({ key: jwk, format: 'jwk' }), signature, 'base64url');
    expect(verifies(`${header}.${payload}`)).to.equal(true);
    expect(verifies(`${header}.${payload}x`)).to.equal(false);
  });

  it('fills the claims of a vault’s reader, and takes others', () => {
    const claims = (token: string) => decode(token.split('.')[1] ?? '');
    const usual = claims(issuer.mint());
    expect(usual).to.include({ iss: issuer.issuer, aud: 'https://vault.azure.net', oid: 'reader' });
    expect(Number(usual['exp']) - Number(usual['iat'])).to.equal(3_600);
    const other = claims(issuer.mint({ aud: 'https://other.example', oid: undefined }));
    expect(other).to.include({ aud: 'https://other.example' });
    expect(other).not.to.have.property('oid');
  });

  it('answers as a managed identity to who knows its header, and to nobody else', async () => {
    const response = await askIdentity('header-of-this-test');
    expect(response.status).to.equal(200);
    expect(await response.json()).to.include({ resource: 'https://vault.azure.net', token_type: 'Bearer' });
    expect((await askIdentity('another')).status).to.equal(401);
    expect(issuer.issued).to.equal(1);
  });

  it('can be down, while its key is still to be had', async () => {
    issuer.fail();
    expect((await askIdentity('header-of-this-test')).status).to.equal(500);
    expect((await fetch(issuer.issuer.replace('/v2.0', '/discovery/v2.0/keys'))).status).to.equal(200);
    issuer.fail(false);
    expect((await askIdentity('header-of-this-test')).status).to.equal(200);
  });
});
