import tls, { type ConnectionOptions, createSecureContext } from 'node:tls';
import { expect } from 'chai';
import { createRootCa, loopbackLookup, type TestCertificate } from '@pinvault/testing';
import { PinnedAgent } from '#src/index.js';
import { SecureContexts } from '#src/secure-contexts.js';
import { codeOf, PinnedService } from './support/pinned-service.js';

/** All of one length. */
function bytesOf({ pem }: TestCertificate): Buffer {
  return Buffer.from(pem.padEnd(4_096, '\n'));
}

describe('the context of an agent', () => {
  let ca: TestCertificate;
  let other: TestCertificate;

  before(async () => {
    ca = await createRootCa();
    other = await createRootCa({ subject: 'Another Root' });
  });

  it('is made once for options of the same content, whatever else the connections ask for', () => {
    const kinds: (() => ConnectionOptions)[] = [
      () => ({ ca: ca.pem }),
      () => ({ ca: Buffer.from(ca.pem) }),
      () => ({ ca: [ca.pem, Buffer.from(other.pem)], minVersion: 'TLSv1.3' }),
      () => ({ ca: ca.pem, cert: other.pem, key: Buffer.from(other.key.privateKeyPem) }),
    ];
    for (const options of kinds) {
      const contexts = new SecureContexts();
      const context = contexts.of({ ...options(), host: 'a.example.test' });
      expect(context).to.be.an('object');
      expect(contexts.of({ ...options(), host: 'b.example.test', servername: 'x' })).to.equal(context);
    }
  });

  it('is another one wherever Node would make another', () => {
    const changes: ConnectionOptions[] = [
      { ca: other.pem },
      { ca: Buffer.from(ca.pem) },
      { ca: [ca.pem] },
      { ca: [ca.pem, other.pem] },
      { cert: other.pem, key: other.key.privateKeyPem },
      { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
      { ecdhCurve: 'P-256' },
      { minVersion: 'TLSv1.3' },
      { maxVersion: 'TLSv1.2' },
      { sigalgs: 'ecdsa_secp256r1_sha256' },
      { secureOptions: 4 },
    ];
    for (const change of changes) {
      const contexts = new SecureContexts();
      const context = contexts.of({ ca: ca.pem });
      expect(contexts.of({ ca: ca.pem, ...change }))
        .to.be.an('object')
        .that.does.not.equal(context);
    }
    const contexts = new SecureContexts();
    const context = contexts.of({ ca: [ca.pem] });
    expect(contexts.of({ ca: [ca.pem, other.pem] }))
      .to.be.an('object')
      .that.does.not.equal(context);
  });

  it('is another one when bytes have changed in place, in a list as well', () => {
    for (const inList of [false, true]) {
      const bytes = bytesOf(ca);
      const options = { ca: inList ? [bytes] : bytes };
      const contexts = new SecureContexts();
      const context = contexts.of(options);
      expect(contexts.of(options)).to.equal(context);
      bytes.set(bytesOf(other));
      expect(contexts.of(options)).to.be.an('object').that.does.not.equal(context);
    }
  });

  it('is another one when a default of Node has changed', () => {
    const before = tls.DEFAULT_MIN_VERSION;
    const contexts = new SecureContexts();
    const context = contexts.of({ ca: ca.pem });
    try {
      tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
      expect(contexts.of({ ca: ca.pem })).not.to.equal(context);
    } finally {
      tls.DEFAULT_MIN_VERSION = before;
    }
  });

  it('is not kept where an option cannot be compared', () => {
    const contexts = new SecureContexts();
    const options = { ca: ca.pem, cert: other.pem, key: [{ pem: other.key.privateKeyPem }] };
    expect(contexts.of(options)).to.be.an('object').that.does.not.equal(contexts.of(options));
  });

  it('is left to Node without a CA, whose defaults may change, and where the caller brings one', () => {
    const contexts = new SecureContexts();
    for (const without of [undefined, '']) expect(contexts.of({ ca: without })).to.equal(undefined);
    const secureContext = createSecureContext();
    expect(contexts.of({ ca: ca.pem, secureContext })).to.equal(secureContext);
  });

  it("throws Node's own error for a certificate that is none", () => {
    expect(() => new SecureContexts().of({ ca: ca.pem, cert: 'none' })).to.throw(Error);
  });

  it('trusts nobody whom a later connection does not trust', async () => {
    const service = await PinnedService.start();
    // Without a CA of its own, which would win over the request's.
    const agent = new PinnedAgent(service.pins, { keepAlive: false, lookup: loopbackLookup });
    try {
      const bytes = bytesOf(service.root);
      const options = { agent, ca: bytes };
      expect(await service.get(options)).to.deep.equal({ status: 200, text: 'ok' });
      const { applicationBytes } = service.server;
      bytes.set(bytesOf(other));
      expect(codeOf(await service.get(options))).to.be.a('string');
      expect(codeOf(await service.get({ agent, ca: other.pem }))).to.be.a('string');
      expect(service.server.applicationBytes).to.equal(applicationBytes);
      expect(await service.get({ agent, ca: service.root.pem })).to.deep.equal({ status: 200, text: 'ok' });
    } finally {
      agent.destroy();
      await service.close();
    }
  });
});
