import type { PinProvider, PinReadRequest, PinReadResult } from '@pinvault/core';

type Document = string | Uint8Array | object;

/** A provider whose store is a variable, and whose faults are at hand. */
export class MemoryProvider implements PinProvider {
  readonly name: string = 'memory';
  #document: Document;
  #version = 1;
  #reads = 0;
  #fault: Error | 'hang' | undefined;
  #isClosed = false;

  constructor(document: Document) {
    this.#document = document;
  }

  /** Reads so far, whatever came of them. */
  get reads(): number {
    return this.#reads;
  }

  /** Whether `close()` was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Writes a new version; returns its revision. */
  write(document: Document): string {
    this.#document = document;
    this.#version += 1;
    return String(this.#version);
  }

  /** From now on every read rejects with this error. */
  fail(error: Error): void {
    this.#fault = error;
  }

  /** From now on no read answers before its signal aborts. */
  hang(): void {
    this.#fault = 'hang';
  }

  /** Takes `fail` and `hang` back. */
  restore(): void {
    this.#fault = undefined;
  }

  async read({ signal }: PinReadRequest): Promise<PinReadResult> {
    this.#reads += 1;
    if (this.#fault === 'hang') await aborted(signal);
    else if (this.#fault !== undefined) throw this.#fault;
    return { document: this.#document, revision: String(this.#version) };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** A provider in memory: revision `1`, and one more with each `write`. */
export function createMemoryProvider(document: Document): MemoryProvider {
  return new MemoryProvider(document);
}
