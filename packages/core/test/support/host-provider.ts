import { PinProviderError } from '#src/errors.js';
import type { PinProvider, PinReadRequest, PinReadResult } from '#src/provider.js';

type Fault = Error | 'hang';

/** A store in memory with one document per host. */
export class HostProvider implements PinProvider {
  readonly name = 'memory';
  readonly scope = 'host' as const;
  readonly location = 'secret/tls-pins/{host}';
  readonly asked: string[] = [];
  readonly #documents = new Map<string, { document: object; revision: number }>();
  readonly #faults = new Map<string, Fault>();
  /** Reads under way, and the most there ever were. */
  running = 0;
  most = 0;
  /** What every read meets first. */
  gate: (() => Promise<void>) | undefined;
  outage: Error | undefined;

  constructor(documents: Readonly<Record<string, object>> = {}) {
    for (const [host, document] of Object.entries(documents)) this.publish(host, document);
  }

  publish(host: string, document: object): void {
    const revision = (this.#documents.get(host)?.revision ?? 0) + 1;
    this.#documents.set(host, { document, revision });
  }

  remove(host: string): void {
    this.#documents.delete(host);
  }

  fault(host: string, fault: Fault | undefined): void {
    if (fault === undefined) this.#faults.delete(host);
    else this.#faults.set(host, fault);
  }

  async read({ host = '', knownRevision }: PinReadRequest): Promise<PinReadResult> {
    this.asked.push(host);
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    try {
      await this.gate?.();
      const fault = this.outage ?? this.#faults.get(host);
      if (fault === 'hang') await new Promise<void>(() => undefined);
      else if (fault !== undefined) throw fault;
      const found = this.#documents.get(host);
      if (found === undefined)
        throw new PinProviderError('ERR_PROVIDER_NOT_FOUND', `no secret ${host}`, { provider: 'memory' });
      const revision = String(found.revision);
      return revision === knownRevision
        ? { unchanged: true, revision }
        : { document: found.document, revision };
    } finally {
      this.running -= 1;
    }
  }
}
