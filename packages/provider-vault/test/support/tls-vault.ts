import { startTlsServer, type TestCertificate, type TestTlsServer } from '@pinvault/testing';
import { kvAnswer } from './answers.js';

/** What a vault over TLS holds that answers every request with the same document. */
export const document = { 'api.example.com': 'none' };

/** A TLS server that answers every read with {@link document}, and counts what reaches it. */
export async function startTlsVault(leaf: TestCertificate): Promise<TestTlsServer> {
  return startTlsServer({
    chain: [leaf],
    respond: (_request, response) =>
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(kvAnswer(document))),
  });
}

/** A TLS server that redirects every request to the same path there. */
export async function startRedirector(leaf: TestCertificate, to: string): Promise<TestTlsServer> {
  return startTlsServer({
    chain: [leaf],
    respond: (request, response) => response.writeHead(307, { Location: `${to}${request.url}` }).end(),
  });
}
