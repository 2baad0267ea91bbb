import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../internal/clock.js';
import { decodeDocument } from '../policy/decode.js';
import type { Target } from '../policy/host.js';
import type { NodeCertificate } from '../verify/certificate.js';
import type { Evidence } from '../verify/evidence.js';
import { Judgement, readHost, type Verdict } from './judgement.js';
import type { Snapshot } from './snapshot.js';

/** What came of a trial. */
export interface WrongPinTrial<Result> {
  /** How often the pins of the target were asked for. 0: the client did not ask at all. */
  readonly asked: number;
  /** How often the wrong pin refused. */
  readonly refused: number;
  readonly result: PromiseSettledResult<Result>;
}

/** Judges one target under a pin that no key has, by the same rules as ever. */
class Trial {
  asked = 0;
  refused = 0;
  isOver = false;
  readonly #host: string;
  readonly #port: number | undefined;
  readonly #judgement: Judgement;

  constructor({ host, port }: Target, clock: Clock) {
    this.#host = host;
    this.#port = port;
    this.#judgement = new Judgement(wrongPin(clock.now()), {
      // What the service does about a mismatch is not asked here: whether the client obeys is.
      mode: 'enforce',
      uncoveredHosts: 'reject',
      clock,
      assertUsable: () => undefined,
      ageText: () => 'made for a trial',
    });
  }

  isAbout(host: string | undefined, port: number | undefined): boolean {
    return (
      !this.isOver &&
      host === this.#host &&
      (port === undefined || this.#port === undefined || port === this.#port)
    );
  }

  verify(target: Target, certificate: NodeCertificate): Verdict {
    return this.#count(() => this.#judgement.verify(target, certificate));
  }

  judge(evidence: Evidence): Verdict {
    return this.#count(() => this.#judgement.judge(evidence));
  }

  #count(judge: () => Verdict): Verdict {
    this.asked += 1;
    try {
      return judge();
    } catch (error) {
      this.refused += 1;
      throw error;
    }
  }
}

/** What is under way in an asynchronous context. */
interface Surroundings {
  readonly proof: AbortSignal | undefined;
  readonly trial?: Trial;
}

/** The trials of a wrong pin that are under way, and the proofs that they are part of. */
export class WrongPinTrials {
  readonly #clock: Clock;
  readonly #context = new AsyncLocalStorage<Surroundings | undefined>();
  // Looking for a context costs something, and there is hardly ever one.
  #running = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The proof in which this is asked; `undefined` outside of one. */
  get proof(): AbortSignal | undefined {
    if (this.#running === 0) return undefined;
    const proof = this.#context.getStore()?.proof;
    return proof?.aborted === false ? proof : undefined;
  }

  /** The trial in which this question is asked; `undefined` outside of one, and for other targets. */
  of(target: Target): Trial | undefined {
    if (this.#running === 0) return undefined;
    const trial = this.#context.getStore()?.trial;
    return trial?.isAbout(nameOf(target), target.port) === true ? trial : undefined;
  }

  async run<Result>(target: Target, run: () => Promise<Result>): Promise<WrongPinTrial<Result>> {
    const trial = new Trial({ host: readHost(target), port: target.port }, this.#clock);
    const { proof } = this;
    this.#running += 1;
    try {
      const [result] = await this.#context.run({ proof, trial }, async () =>
        Promise.allSettled([attempt(run)]),
      );
      return { asked: trial.asked, refused: trial.refused, result };
    } finally {
      // What was started in it may live longer: from now on it meets the pins in force.
      trial.isOver = true;
      this.#running -= 1;
    }
  }

  async prove<Result>(run: () => Promise<Result>): Promise<Result> {
    const end = new AbortController();
    this.#running += 1;
    try {
      return await this.#context.run({ proof: end.signal }, run);
    } finally {
      this.outside(() => end.abort());
      this.#running -= 1;
    }
  }

  /** Runs what is not part of a trial, though it was caused by one. */
  outside(run: () => void): void {
    if (this.#running === 0) run();
    else this.#context.run(undefined, run);
  }
}

async function attempt<Result>(run: () => Promise<Result>): Promise<Result> {
  return run();
}

function nameOf(target: Target): string | undefined {
  try {
    return readHost(target);
  } catch {
    return undefined;
  }
}

function wrongPin(fetchedAt: number): Snapshot {
  const document = decodeDocument({ '*': `leaf:sha256/${randomBytes(32).toString('base64')}` });
  return Object.freeze({
    document,
    revision: 'wrong-pin',
    source: 'provider',
    provider: 'a pin that no key has',
    fetchedAt,
  });
}
