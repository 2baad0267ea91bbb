import type { LookupFunction } from 'node:net';

/** Where the command writes to; a stream, or what a test collects text with. */
export interface Output {
  write(text: string): unknown;
}

/** What a command knows of the world around it. */
export interface RunContext {
  /** Results, and nothing else. */
  readonly stdout: Output;
  /** What went wrong. */
  readonly stderr: Output;
  /** Epoch ms. */
  now(): number;
  /** Finds addresses. @defaultValue the system's resolver */
  readonly lookup?: LookupFunction;
}
