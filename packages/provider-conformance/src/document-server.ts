import { type FaultBackend, startFaultServer, type StoreAnswers } from './fault-server.js';
import type { ProviderBackend } from './harness.js';
import { publishing } from './publishing.js';

/** What {@link startDocumentServer} starts. */
export interface DocumentServer {
  /** `http://127.0.0.1:<port>`, whatever the path. */
  readonly url: string;
  /** What may happen to its document, and the faults; to be spread into the back end of a harness. */
  backend(
    answers?: StoreAnswers,
  ): FaultBackend & Required<Pick<ProviderBackend, 'publish' | 'publishText' | 'publishBytes' | 'remove'>>;
}

/**
 * The plainest store there is, for providers that fetch one document over HTTP: it answers with the content that was
 * published last and an ETag that each change makes anew, and with 404 before the first and after a removal. A store with
 * an API of its own stands behind `startFaultServer` instead.
 */
export async function startDocumentServer(): Promise<DocumentServer> {
  let content: string | Uint8Array | undefined;
  let changes = 0;
  const put = (next: string | Uint8Array | undefined): void => {
    content = next;
    changes += 1;
  };
  const server = await startFaultServer({
    store: (_request, response) =>
      response.writeHead(content === undefined ? 404 : 200, { etag: `"${changes}"` }).end(content),
  });
  return {
    url: server.url,
    backend: (answers) => ({
      ...server.backend(answers),
      ...publishing(put),
      remove: async () => put(undefined),
    }),
  };
}
