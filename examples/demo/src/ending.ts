import { StoryBroken } from './waiting.js';

/** What is still open so long after the end is left to the end of the process. */
const closingLimitMs = 3_000;

/** Somebody or something wants the demo to end; `exitCode` is what a shell expects then. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(reason: string, exitCode: number) {
    super(reason);
    this.exitCode = exitCode;
  }
}

/** Ends the demo on Ctrl-C and its kin, when nobody reads it any more, and after its time. */
export function stopper(limitMs: number): { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const end = (reason: Error): void => {
    if (controller.signal.aborted) return;
    controller.abort(reason);
    const exitCode = reason instanceof Interrupted ? reason.exitCode : 1;
    setTimeout(() => process.exit(exitCode), closingLimitMs).unref();
  };
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [name, exitCode] of Object.entries(signals)) {
    process.on(name, () => end(new Interrupted(`Ended by ${name}; everything is closed.`, exitCode)));
  }
  process.stdout.on('error', () => end(new Interrupted('Nobody reads on.', 1)));
  setTimeout(() => end(new StoryBroken(`it was not over within ${limitMs / 1_000} s`)), limitMs).unref();
  return controller;
}
