import type { PinProvider, PinReadRequest, PinReadResult } from '#src/provider.js';

type Answer = PinReadResult | Error | ((request: PinReadRequest) => Promise<PinReadResult>);

/** A store in memory: what it answers is said by the test, and what it was asked can be looked at. */
export class TestProvider implements PinProvider {
  readonly name: string;
  readonly location: string = 'secret/tls-pins';
  readonly requests: PinReadRequest[] = [];
  closed = 0;
  #answer: Answer;
  #revision = 1;

  constructor(document: object, name = 'memory') {
    this.name = name;
    this.#answer = { document, revision: '1' };
  }

  get reads(): number {
    return this.requests.length;
  }

  /** Puts another document into the store, under the next revision. */
  publish(document: string | Uint8Array | object, revision?: string): void {
    this.#revision += 1;
    this.#answer = { document, revision: revision ?? String(this.#revision) };
  }

  /** Every read from now on gets this answer; an error is thrown. */
  answer(answer: Answer): void {
    this.#answer = answer;
  }

  /** Reads from now on never end by themselves. */
  hang(): void {
    this.#answer = () => new Promise<PinReadResult>(() => undefined);
  }

  async read(request: PinReadRequest): Promise<PinReadResult> {
    this.requests.push(request);
    if (typeof this.#answer === 'function') return this.#answer(request);
    if (this.#answer instanceof Error) throw this.#answer;
    return this.#answer;
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}
