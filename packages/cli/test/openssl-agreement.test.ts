import { expect } from 'chai';
import {
  createRootCa,
  createSelfSigned,
  type KeyType,
  startTlsServer,
  type TestCertificate,
  TestKey,
} from '@pinvault/testing';
import { command, Folder, listedPins, rowOf } from './support/command.js';
import {
  describeWithOpenssl,
  pinOfCertificateFile,
  pinOfPrivateKeyFile,
  pinOfServer,
} from './support/openssl.js';

const host = 'api.example.test';
const keyTypes: readonly KeyType[] = ['rsa', 'rsa-pss', 'ec', 'ec384', 'ed25519'];
// What the pipeline prints where nothing came out of its first command.
const hashOfNothing = 'sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';

describeWithOpenssl('pins, as openssl computes them', function () {
  this.timeout(20_000);
  let folder: Folder;
  before(() => (folder = new Folder()));
  after(() => folder.remove());

  for (const keyType of keyTypes) {
    describe(`with ${keyType} keys`, () => {
      let chain: readonly [TestCertificate, TestCertificate, TestCertificate];
      before(async () => {
        const root = await createRootCa({ keyType });
        const intermediate = await root.issueCa({ keyType });
        chain = [await intermediate.issue({ hosts: [host], keyType }), intermediate, root];
      });

      it('are the same for leaf, CA and root of a live server', async () => {
        const [leaf, intermediate, root] = chain;
        const rootPath = folder.write('root.pem', root.pem);
        const server = await startTlsServer({ chain: [leaf, intermediate] });
        try {
          const outcome = await command(['pin', `${host}:${server.port}`, '--ca', rootPath]);
          const paths = chain.map(({ pem }, index) => folder.write(`${index}.pem`, pem));
          const expected = await Promise.all(paths.map(pinOfCertificateFile));
          expect(listedPins(outcome)).to.deep.equal(expected);
          expect(await pinOfServer(host, server.port, rootPath)).to.equal(expected[0]);
          expect(rowOf(outcome)).to.equal(`"${host}": "${expected[0]}"`);
          expect(new Set(expected).size).to.equal(3);
        } finally {
          await server.close();
        }
      });

      it('are the same for certificate, public key and private key in files', async () => {
        const [leaf] = chain;
        const expected = await pinOfCertificateFile(folder.write('leaf.pem', leaf.pem));
        const keyPath = folder.write('key.pem', leaf.key.privateKeyPem);
        expect(await pinOfPrivateKeyFile(keyPath)).to.equal(expected);
        const paths = [
          folder.write('leaf.pem', leaf.pem),
          folder.write('leaf.der', leaf.der),
          folder.write('public.der', leaf.key.spki),
          keyPath,
        ];
        for (const path of paths) {
          expect(listedPins(await command(['pin', path])), path).to.deep.equal([expected]);
        }
      });
    });
  }

  it('come from nothing where the server is not trusted: the pipeline prints a pin, the command none', async () => {
    const server = await startTlsServer({ chain: [await createSelfSigned({ hosts: [host] })] });
    const otherRoot = folder.write('other.pem', (await createRootCa()).pem);
    try {
      expect(await pinOfServer(host, server.port, otherRoot)).to.equal(hashOfNothing);
      const outcome = await command(['pin', `${host}:${server.port}`, '--ca', otherRoot]);
      expect(outcome).to.include({ exitCode: 1, stdout: '' });
    } finally {
      await server.close();
    }
  });

  it('are the same for a key that openssl wrote with its curve before it', async () => {
    const key = await TestKey.create('ec');
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const sec1 = key.privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    const path = folder.write('ecparam.pem', parameters + sec1);
    expect(listedPins(await command(['pin', path]))).to.deep.equal([await pinOfPrivateKeyFile(path)]);
  });
});
