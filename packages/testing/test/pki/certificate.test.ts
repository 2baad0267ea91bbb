import { createHash, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { chainPem, createRootCa, createSelfSigned, TestKey } from '#src/index.js';

const hour = 3_600_000;

describe('TestCertificate', () => {
  it('computes its pin from the public key that Node reads out of it', async () => {
    const certificate = await createSelfSigned();
    const spki = new X509Certificate(certificate.pem).publicKey.export({ type: 'spki', format: 'der' });
    expect(certificate.pin).to.equal(`sha256/${createHash('sha256').update(spki).digest('base64')}`);
    expect(certificate.key.spki.equals(spki)).to.equal(true);
  });

  it('computes its fingerprint from the whole certificate', async () => {
    const certificate = await createSelfSigned();
    expect(certificate.fingerprint256).to.equal(createHash('sha256').update(certificate.der).digest('hex'));
    expect(new X509Certificate(certificate.pem).raw.equals(certificate.der)).to.equal(true);
  });

  it('is signed by its issuer and by nobody else', async () => {
    const root = await createRootCa();
    const leaf = await root.issue();
    expect(leaf.x509.verify(root.x509.publicKey)).to.equal(true);
    expect(leaf.x509.checkIssued(root.x509)).to.equal(true);
    expect(leaf.x509.verify((await createRootCa()).x509.publicKey)).to.equal(false);
  });

  it('sets the CA bit on roots and intermediates only', async () => {
    const root = await createRootCa();
    const intermediate = await root.issueCa();
    const leaf = await intermediate.issue();
    expect([root, intermediate, leaf, await createSelfSigned()].map(({ x509 }) => x509.ca)).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
  });

  it('is valid from an hour ago for 90 days, a CA for ten years', async () => {
    const root = await createRootCa();
    const leaf = await root.issue();
    const days = (until: string): number => Math.round((Date.parse(until) - Date.now()) / (24 * hour));
    expect(Date.parse(leaf.x509.validFrom)).to.be.closeTo(Date.now() - hour, 60_000);
    expect(days(leaf.x509.validTo)).to.equal(90);
    expect(days(root.x509.validTo)).to.equal(3653);
  });

  it('takes dates on both sides of 2050', async () => {
    const certificate = await createSelfSigned({
      notBefore: new Date('2049-12-31T23:59:59Z'),
      notAfter: new Date('2050-01-01T00:00:00Z'),
    });
    expect(Date.parse(certificate.x509.validFrom)).to.equal(Date.parse('2049-12-31T23:59:59Z'));
    expect(Date.parse(certificate.x509.validTo)).to.equal(Date.parse('2050-01-01T00:00:00Z'));
  });

  it('names its hosts, addresses of both families included', async () => {
    const { x509 } = await createSelfSigned({
      hosts: ['*.example.test', '127.0.0.1', '::1', '2001:db8::7:1.2.3.4'],
    });
    expect(x509.subjectAltName).to.equal(
      'DNS:*.example.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:7:102:304',
    );
    expect(x509.checkHost('api.example.test')).to.equal('*.example.test');
    expect(x509.checkHost('a.b.example.test')).to.equal(undefined);
    expect(x509.checkIP('::1')).to.equal('::1');
  });

  it('takes its first host as its name, and no two CAs share a default name', async () => {
    expect((await createSelfSigned({ hosts: ['api.example.test'] })).subject).to.equal('CN=api.example.test');
    expect((await createRootCa()).subject).not.to.equal((await createRootCa()).subject);
  });

  it('keeps the subject through a second certificate, escapes and control characters included', async () => {
    for (const subject of ['CN=a\\, b\\\\c,O=Example,C=DE', 'plain, with comma', 'line\nfeed']) {
      const first = await createSelfSigned({ subject });
      const second = await createSelfSigned({ subject: first.subject });
      expect(second.subject).to.equal(first.subject);
      expect(second.x509.subject).to.equal(first.x509.subject);
    }
    const parsed = await createSelfSigned({ subject: 'CN=a\\, b,O=Example,C=DE' });
    expect(parsed.x509.toLegacyObject().subject).to.include({ CN: 'a, b', O: 'Example', C: 'DE' });
    expect((await createSelfSigned({ subject: 'a=b' })).subject).to.equal('CN=a=b');
  });

  it('refuses a name with an attribute that it does not know after the first', async () => {
    const error = await createSelfSigned({ subject: 'CN=a,XYZ=b' }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TypeError);
  });

  it('shares pin and key, not the fingerprint, with a twin of the same key', async () => {
    const key = await TestKey.create();
    const root = await createRootCa();
    const [first, second] = [await root.issue({ key }), await root.issue({ key })];
    expect(second.pin).to.equal(first.pin);
    expect(second.fingerprint256).not.to.equal(first.fingerprint256);
  });

  it('writes forged key identifiers, true ones, or none', async () => {
    const root = await createRootCa();
    const forged = Buffer.alloc(20, 7);
    const carries = (der: Buffer, identifier: Uint8Array): boolean => der.includes(Buffer.from(identifier));
    const honest = await root.issueCa();
    expect(carries(honest.der, root.keyIdentifier) && carries(honest.der, honest.keyIdentifier)).to.equal(
      true,
    );
    const liar = await root.issueCa({ keyIdentifiers: { subject: forged } });
    expect(carries(liar.der, forged) && carries(liar.der, root.keyIdentifier)).to.equal(true);
    expect(carries((await liar.issue()).der, forged)).to.equal(true);
    expect(carries((await root.issue({ keyIdentifiers: { authority: forged } })).der, forged)).to.equal(true);
    const silent = await root.issue({ keyIdentifiers: false });
    expect(carries(silent.der, root.keyIdentifier)).to.equal(false);
  });

  it('leaves extensions out on request and adds raw ones', async () => {
    const bare = await createSelfSigned({
      basicConstraints: 'absent',
      keyUsages: null,
      extendedKeyUsages: [],
      keyIdentifiers: false,
    });
    expect(bare.x509.keyUsage).to.equal(undefined);
    // The tag of the extension block, [3], directly behind the key.
    expect(bare.der[bare.der.indexOf(bare.key.spki) + bare.key.spki.length]).not.to.equal(0xa3);
    const value = Buffer.from([0x05, 0x00]);
    const marked = await createSelfSigned({
      extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical: false, value }],
    });
    expect(marked.der.includes(Buffer.from('2b06010401868d1f01', 'hex'))).to.equal(true);
  });

  it('carries the serial number given, and refuses one that is not hexadecimal', async () => {
    expect((await createSelfSigned({ serialNumber: '00c0ffee' })).x509.serialNumber).to.equal('C0FFEE');
    const error = await createSelfSigned({ serialNumber: 'twelve' }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TypeError).with.property('message').that.includes('serialNumber');
  });
});

describe('chainPem', () => {
  it('keeps the order it is given', async () => {
    const root = await createRootCa();
    const leaf = await root.issue();
    expect(chainPem(root, leaf)).to.equal(root.pem + leaf.pem);
    expect(chainPem()).to.equal('');
  });
});
