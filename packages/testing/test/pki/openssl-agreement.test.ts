import { expect } from 'chai';
import { createRootCa, createSelfSigned, EXTENDED_KEY_USAGES, TestKey, type KeyType } from '#src/index.js';
import { hasOpenssl, opensslPin, opensslText, opensslVerify } from './openssl.js';

const keyTypes: readonly KeyType[] = ['ec', 'ec384', 'rsa', 'rsa-pss', 'ed25519'];

describe('certificates, as OpenSSL sees them', function () {
  this.timeout(20_000);
  before(function () {
    if (!hasOpenssl) this.skip();
  });

  for (const keyType of keyTypes) {
    describe(`with ${keyType} keys`, () => {
      it('have the pin that openssl computes', async () => {
        const certificate = await createSelfSigned({ hosts: ['api.example.test'], keyType });
        expect(opensslPin(certificate)).to.equal(certificate.pin);
      });

      it('form a chain that openssl verifies', async () => {
        const key = await TestKey.create(keyType);
        const root = await createRootCa({ key });
        const intermediate = await root.issueCa({ keyType, pathLength: 0 });
        const leaf = await intermediate.issue({ hosts: ['api.example.test'], key });
        const purpose = ['-purpose', 'sslserver', '-verify_hostname', 'api.example.test'];
        const verdict = opensslVerify(root, [leaf, intermediate], ...purpose);
        expect(verdict.output).to.include('OK');
        expect(verdict.accepted).to.equal(true);
      });

      for (const signatureHash of ['SHA-384', 'SHA-1'] as const) {
        it(`carry a ${signatureHash} signature that verifies`, async () => {
          const root = await createRootCa({ keyType });
          const leaf = await root.issue({ signatureHash });
          const level = ['-auth_level', '0'];
          expect(opensslVerify(root, [leaf], ...level).accepted).to.equal(true);
        });
      }
    });
  }

  it('name the key algorithm id-RSASSA-PSS for rsa-pss', async () => {
    const text = opensslText(await createSelfSigned({ keyType: 'rsa-pss' }));
    expect(text).to.match(/Public Key Algorithm: rsassaPss/);
  });

  it('are refused below a path length that is used up', async () => {
    const root = await createRootCa({ pathLength: 0 });
    const intermediate = await root.issueCa();
    const verdict = opensslVerify(root, [await intermediate.issue(), intermediate]);
    expect(verdict.output).to.include('path length constraint exceeded');
  });

  it('are refused outside the name constraints of their CA, and accepted inside', async () => {
    const root = await createRootCa();
    const intermediate = await root.issueCa({
      nameConstraints: { permittedDns: ['example.test'], excludedDns: ['secret.example.test'] },
    });
    const verdictFor = async (host: string): Promise<boolean> =>
      opensslVerify(root, [await intermediate.issue({ hosts: [host] }), intermediate]).accepted;
    expect(await verdictFor('api.example.test')).to.equal(true);
    expect(await verdictFor('api.other.test')).to.equal(false);
    expect(await verdictFor('a.secret.example.test')).to.equal(false);
  });

  it('are refused when the issuer has no CA bit', async () => {
    const root = await createRootCa();
    const pivot = await root.issue({ keyUsages: null });
    const verdict = opensslVerify(root, [await pivot.issue(), pivot]);
    expect(verdict.output).to.include('invalid CA certificate');
  });

  it('are refused when they have expired', async () => {
    const root = await createRootCa();
    const leaf = await root.issue({ notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') });
    expect(opensslVerify(root, [leaf]).output).to.include('certificate has expired');
  });

  it('are refused as servers when they are for mail only', async () => {
    const root = await createRootCa();
    const leaf = await root.issue({ extendedKeyUsages: [EXTENDED_KEY_USAGES.emailProtection] });
    expect(opensslVerify(root, [leaf], '-purpose', 'sslserver').output).to.include(
      'unsuitable certificate purpose',
    );
  });

  it('verify through a cross-sign as through the root itself', async () => {
    const root = await createRootCa();
    const other = await createRootCa();
    const crossSigned = await other.issueCa({ key: root.key, subject: root.subject });
    const leaf = await root.issue();
    expect(opensslVerify(root, [leaf]).accepted).to.equal(true);
    expect(opensslVerify(other, [leaf, crossSigned]).accepted).to.equal(true);
    expect(crossSigned.pin).to.equal(root.pin);
    expect(crossSigned.fingerprint256).not.to.equal(root.fingerprint256);
  });
});
