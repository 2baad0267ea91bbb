import {
  errorOf,
  type Evidence,
  evidenceOf,
  type GuardableSocket,
  type GuardOptions,
  type NodeCertificate,
  type SocketGuard,
  type Target,
} from '@pinvault/core';
import { type GrpcCall, type GrpcClient, unavailable } from './grpc-shapes.js';
import type { SocketPins } from './socket-pins.js';

/**
 * One client of grpc-js with everything that it has shown: its connections cannot be reached, but its check sees every
 * handshake, and what it saw is judged later as a socket's would be.
 */
export class GrpcGeneration<Client extends GrpcClient, Call extends GrpcCall> {
  readonly calls: Set<Call> = new Set();
  readonly #pins: SocketPins;
  readonly #target: Target;
  readonly #guardOptions: GuardOptions;
  readonly #shown = new Map<Evidence, SocketGuard>();
  #client: Client | undefined;
  #isRetired = false;
  // After a refusal: grpc-js would wait for its back-off, up to two minutes, though the pins have changed.
  #isWaitingForPins = false;
  #hasOtherPins = false;
  #hasRefused = false;

  constructor(pins: SocketPins, target: Target, guardOptions: GuardOptions) {
    this.#pins = pins;
    this.#target = target;
    this.#guardOptions = guardOptions;
  }

  use(client: Client): void {
    this.#client = client;
  }

  get client(): Client | undefined {
    return this.#client;
  }

  /** What grpc-js calls for each handshake: the pins of the target, whatever name it passes. Never throws. */
  readonly checkServerIdentity: (host: string, certificate: NodeCertificate) => Error | undefined = (
    _host,
    certificate,
  ) => {
    const { host } = this.#target;
    try {
      const evidence = evidenceOf(this.#pins.verify(this.#target, certificate), host);
      if (!this.#isRetired && !this.#shown.has(evidence)) this.#shown.set(evidence, this.#guard(certificate));
      return undefined;
    } catch (error) {
      this.#hasRefused = true;
      this.#awaitPins();
      return errorOf(error, host);
    }
  };

  /** Whether a call may begin here: the pins in force accept all that was shown. */
  get isFit(): boolean {
    if (this.#isRetired || this.#hasOtherPins) return false;
    if (this.#guardOptions.policy === 'keep') return true;
    try {
      for (const evidence of this.#shown.keys()) this.#pins.judge(evidence);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether a handshake was refused: grpc-js puts off the next one. */
  get hasRefused(): boolean {
    return this.#hasRefused;
  }

  /** No call begins here any more; those under way finish, within the grace. */
  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#pins.off('rotate', this.#onRotate);
    this.#client?.close();
    this.releaseIfDone();
  }

  /** Ends the calls under way. */
  end(reason: Error): void {
    this.retire();
    for (const call of [...this.calls]) call.cancelWithStatus(unavailable, reason.message);
    this.releaseIfDone();
  }

  releaseIfDone(): void {
    if (!this.#isRetired || this.calls.size > 0) return;
    for (const guard of this.#shown.values()) guard.release();
    this.#shown.clear();
  }

  #awaitPins(): void {
    if (this.#isWaitingForPins || this.#isRetired) return;
    this.#isWaitingForPins = true;
    this.#pins.on('rotate', this.#onRotate);
  }

  readonly #onRotate = (): void => {
    this.#pins.off('rotate', this.#onRotate);
    this.#hasOtherPins = true;
  };

  #guard(certificate: NodeCertificate): SocketGuard {
    const face: GuardableSocket & { destroyed: boolean } = {
      destroyed: false,
      authorized: true,
      authorizationError: null,
      isSessionReused: () => false,
      getPeerCertificate: () => certificate,
      prependOnceListener: () => undefined,
      off: () => undefined,
      destroy: (reason) => {
        face.destroyed = true;
        this.end(reason ?? new Error('the connection was ended'));
      },
    };
    return this.#pins.guardSocket(face, this.#target, this.#guardOptions);
  }
}
