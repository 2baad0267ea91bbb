import https from 'node:https';

/** Where the requests go. */
export interface LoadTarget {
  readonly url: string;
  readonly agent: https.Agent;
  readonly requestsPerSecond: number;
}

// One request in so many closes its connection, so that there are handshakes all the time.
const closeEvery = 10;

/** Requests at a steady rate. Each must end with 200 and a text; one that does not is lost. */
export class Load {
  readonly #target: LoadTarget;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #answers = new Map<string, number>();
  readonly #lost: string[] = [];
  #sent = 0;
  #answered = 0;

  constructor(target: LoadTarget) {
    this.#target = target;
    this.#timer = setInterval(() => {
      const owed = Math.floor(((performance.now() - this.#startedAt) / 1_000) * target.requestsPerSecond);
      while (this.#sent < owed) this.#send();
    }, 10);
  }

  get answered(): number {
    return this.#answered;
  }

  /** Why requests were lost, one text each. */
  get lost(): readonly string[] {
    return this.#lost;
  }

  /** How many requests each answer was given to, since the last call. */
  takeAnswers(): ReadonlyMap<string, number> {
    const taken = new Map(this.#answers);
    this.#answers.clear();
    return taken;
  }

  /** Sends no more, and waits for the answers that are still to come. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const deadline = Date.now() + 5_000;
    while (this.#answered + this.#lost.length < this.#sent) {
      if (Date.now() > deadline) {
        const missing = this.#sent - this.#answered - this.#lost.length;
        for (let index = 0; index < missing; index += 1) this.#lost.push('no answer');
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #send(): void {
    const { url, agent } = this.#target;
    this.#sent += 1;
    const headers = this.#sent % closeEvery === 0 ? { connection: 'close' } : {};
    void requestText(url, { agent, headers }).then(
      (text) => {
        this.#answered += 1;
        this.#answers.set(text, (this.#answers.get(text) ?? 0) + 1);
      },
      (error: unknown) => this.#lost.push(String(error)),
    );
  }
}

/** One request; rejects unless it is answered with 200. */
export async function requestText(url: string, options: https.RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = https.get(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`status ${String(response.statusCode)}`));
      });
    });
    request.on('error', reject);
  });
}
