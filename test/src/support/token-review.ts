import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createRootCa } from '@pinvault/testing';

/** The part of a Kubernetes API that Vault asks: who a service account's token belongs to. */
export interface TokenReviewServer {
  readonly address: string;
  /** Who trusts it. */
  readonly caPem: string;
  /** Tokens that were reviewed, oldest first. */
  readonly reviewed: readonly string[];
  /** From now on this token is the service account's. */
  accept(token: string): void;
  close(): Promise<void>;
}

/** Answers as the API server does, for one service account: `pins/payments`. */
export async function startTokenReview(): Promise<TokenReviewServer> {
  const accepted = new Set<string>();
  const reviewed: string[] = [];
  const root = await createRootCa();
  const leaf = await root.issue({ hosts: ['127.0.0.1'] });
  const server = createServer({ cert: leaf.pem, key: leaf.key.privateKeyPem }, (request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.once('end', () => {
      const { spec } = JSON.parse(text) as { spec: { token: string } };
      reviewed.push(spec.token);
      const user = { username: 'system:serviceaccount:pins:payments', uid: 'uid-payments', groups: [] };
      const status = accepted.has(spec.token)
        ? { authenticated: true, user }
        : { error: 'token is not valid' };
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec, status };
      response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify(review));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    caPem: root.pem,
    reviewed,
    accept: (token) => void accepted.add(token),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
