import {
  createRootCa,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
  type TlsServerOptions,
} from '@pinvault/testing';
import type { TLSSocket } from 'node:tls';

/** Everybody but the service and the vault. */
export interface Stage {
  readonly host: string;
  /** What the service trusts, as any machine does: more CAs than it needs. */
  readonly trusted: readonly string[];
  readonly trustedCa: string;
  readonly otherCa: string;
  readonly oldLeaf: TestCertificate;
  readonly newLeaf: TestCertificate;
  readonly server: TestTlsServer;
  /** What an operator of the server does: key and certificate change, connections stay open. */
  changeKey(): void;
  /** A replica that nobody thought of: it stays on the old key. */
  readonly replica: TestTlsServer;
  readonly attacker: TestTlsServer;
  close(): Promise<void>;
}

export async function setStage(host: string): Promise<Stage> {
  const root = await createRootCa({ subject: 'Example Root CA' });
  const issuing = await root.issueCa({ subject: 'Example Issuing CA' });
  const oldLeaf = await issuing.issue({ subject: host, hosts: [host] });
  const newLeaf = await issuing.issue({ subject: host, hosts: [host] });
  const otherRoot = await createRootCa({ subject: 'Somebody Else Root CA' });
  const stolen = await otherRoot.issue({ subject: host, hosts: [host] });
  const respond = answerWithKey(
    new Map([
      [oldLeaf.fingerprint256, 'old key'],
      [newLeaf.fingerprint256, 'new key'],
    ]),
  );
  const server = await startTlsServer({ chain: [oldLeaf, issuing], respond });
  const replica = await startTlsServer({ chain: [oldLeaf, issuing], respond });
  const attacker = await startTlsServer({
    chain: [stolen],
    respond: (_request, response) => response.end('thank you'),
  });
  return {
    host,
    trusted: [root.pem, otherRoot.pem],
    trustedCa: root.subject,
    otherCa: otherRoot.subject,
    oldLeaf,
    newLeaf,
    server,
    changeKey: () => server.use([newLeaf, issuing]),
    replica,
    attacker,
    close: async () => void (await Promise.all([server.close(), replica.close(), attacker.close()])),
  };
}

/** Each answer says under which key its connection was opened. */
function answerWithKey(names: ReadonlyMap<string, string>): NonNullable<TlsServerOptions['respond']> {
  return (request, response) => {
    const certificate = (request.socket as TLSSocket).getCertificate();
    const fingerprint =
      certificate !== null && 'fingerprint256' in certificate
        ? certificate.fingerprint256.replaceAll(':', '').toLowerCase()
        : '';
    response.end(names.get(fingerprint) ?? 'unknown key');
  };
}
