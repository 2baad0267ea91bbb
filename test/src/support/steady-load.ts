import https from 'node:https';
import type { PinnedAgent } from 'pinvault';

/** One request of the load. Instants are epoch ms. */
export interface LoadRecord {
  readonly startedAt: number;
  endedAt: number;
  /** What the server answered: in these tests the name of the key that its connection was opened under. */
  answer: string;
  error: Error | undefined;
}

/** Where the load goes. */
export interface LoadTarget {
  readonly url: string;
  readonly agent: PinnedAgent;
  readonly requestsPerSecond: number;
}

/** Requests at a steady rate, whatever becomes of them, each with a record. */
export class SteadyLoad {
  readonly records: LoadRecord[] = [];
  readonly #target: LoadTarget;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #pending = 0;

  constructor(target: LoadTarget) {
    this.#target = target;
    // A timer that comes late sends what it owes, so that the rate holds on a busy machine.
    this.#timer = setInterval(() => {
      const owed = Math.floor(((performance.now() - this.#startedAt) / 1_000) * target.requestsPerSecond);
      while (this.records.length < owed) this.#send();
    }, 5);
  }

  /** Stops, waits for the last answers, and returns what was measured. */
  async stop(): Promise<{ readonly records: readonly LoadRecord[]; readonly perSecond: number }> {
    clearInterval(this.#timer);
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const deadline = Date.now() + 10_000;
    while (this.#pending > 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    if (this.#pending > 0) throw new Error(`${String(this.#pending)} requests got no answer in 10 s`);
    return { records: this.records, perSecond: this.records.length / seconds };
  }

  #send(): void {
    const record: LoadRecord = { startedAt: Date.now(), endedAt: 0, answer: '', error: undefined };
    this.records.push(record);
    this.#pending += 1;
    const end = (): void => {
      if (record.endedAt !== 0) return;
      record.endedAt = Date.now();
      this.#pending -= 1;
    };
    const request = https.get(this.#target.url, { agent: this.#target.agent }, (response) => {
      if (response.statusCode !== 200) record.error = new Error(`status ${String(response.statusCode)}`);
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (record.answer += chunk));
      response.on('error', (error) => (record.error = error));
      response.on('close', end);
    });
    request.on('error', (error) => {
      record.error = error;
      end();
    });
  }
}
