import { type GuardOptions, invalidOption, readGuardOptions, type Target } from '@pinvault/core';
import { GrpcGeneration } from './grpc-generation.js';
import {
  type GrpcCall,
  type GrpcClient,
  type GrpcModule,
  type PinnedGrpcOptions,
  trackCalls,
} from './grpc-shapes.js';
import { assertSocketPins, type SocketPins } from './socket-pins.js';

/** Options of {@link createPinnedGrpcClient}. */
export interface PinnedGrpcClientOptions<
  Client extends GrpcClient,
  Credentials,
  Call extends GrpcCall,
> extends GuardOptions {
  /** Whose pins count, and the name that the certificate has to carry, whatever the address and its overrides are. */
  readonly target: { readonly host: string; readonly port: number };
  /**
   * Makes a client: `(credentials, options) => new Payments('api.example.com:443', credentials, options)`. Called again
   * after a rotation that ends the one before. Pass the options on, with your own beside them.
   */
  readonly create: (credentials: Credentials, options: PinnedGrpcOptions<Call>) => Client;
  /** As in `credentials.createSsl`, PEM. */
  readonly rootCerts?: Buffer | null | undefined;
  readonly privateKey?: Buffer | null | undefined;
  readonly certChain?: Buffer | null | undefined;
}

/**
 * A client of grpc-js that stays right when pins rotate; used as any other. Every handshake is judged. When what the
 * client was shown is no longer accepted, the next call goes over a new client with credentials of its own, and so over
 * a new handshake; the old one is closed, its calls finish within `graceMs`, and those left then end with `UNAVAILABLE`
 * and the pin's code in `details` (`pinErrorCode` reads it). Under `$revoked` that happens at once.
 *
 * A refused handshake is `UNAVAILABLE` as well; grpc-js dials again by its own back-off, and the first call after
 * a rotation at once. Where each host has a document of its own, `await pins.ready(host)` first.
 *
 * @param grpc - the module: `import * as grpc from '@grpc/grpc-js'`
 * @throws TypeError (`ERR_INVALID_OPTION`)
 */
export function createPinnedGrpcClient<Client extends GrpcClient, Credentials, Call extends GrpcCall>(
  pins: SocketPins,
  grpc: GrpcModule<Credentials, Call>,
  options: PinnedGrpcClientOptions<Client, Credentials, Call>,
): Client {
  assertSocketPins(pins);
  const { create, target } = options;
  if (typeof create !== 'function') throw invalidOption('create', 'is no function that makes a client');
  assertTarget(target);
  readGuardOptions(options);
  const begin = (): GrpcGeneration<Client, Call> => beginGeneration(pins, grpc, options);
  let generation = begin();
  let isClosed = false;
  const proofs = new WeakMap<AbortSignal, GrpcGeneration<Client, Call>>();
  /** What a proof asks for goes over clients of its own: a wrong pin is nothing to those of others. */
  const ofProof = (proof: AbortSignal): Client => {
    const before = proofs.get(proof);
    if (before?.isFit === true && !before.hasRefused) return before.client as Client;
    before?.retire();
    const next = begin();
    proofs.set(proof, next);
    proof.addEventListener('abort', () => next.retire(), { once: true });
    return next.client as Client;
  };
  const current = (): Client => {
    const { proof } = pins;
    if (!isClosed && proof !== undefined) return ofProof(proof);
    if (!isClosed && !generation.isFit) {
      const next = begin();
      generation.retire();
      generation = next;
    }
    return generation.client as Client;
  };
  const close = (): void => {
    isClosed = true;
    generation.retire();
  };
  // A generated client has methods of its service's names: whatever is asked for is asked of the client in force.
  return new Proxy({} as Client, {
    get: (_none, name) => {
      if (name === 'close') return close;
      const client = current();
      const value: unknown = Reflect.get(client, name, client);
      return typeof value === 'function' ? (value.bind(client) as unknown) : value;
    },
    has: (_none, name) => name in current(),
    getPrototypeOf: () => Reflect.getPrototypeOf(current()),
  });
}

function beginGeneration<Client extends GrpcClient, Credentials, Call extends GrpcCall>(
  pins: SocketPins,
  grpc: GrpcModule<Credentials, Call>,
  options: PinnedGrpcClientOptions<Client, Credentials, Call>,
): GrpcGeneration<Client, Call> {
  const { create, target, rootCerts, privateKey, certChain, policy, graceMs, onDrain } = options;
  const isDrained = policy === undefined || policy === 'drain';
  const generation = new GrpcGeneration<Client, Call>(pins, target, {
    policy,
    graceMs,
    onDrain: isDrained
      ? (reason) => {
          generation.retire();
          onDrain?.(reason);
        }
      : onDrain,
  });
  const { checkServerIdentity } = generation;
  // Anew for each client: those of the one before would bring its connection with them.
  const credentials = grpc.credentials.createSsl(rootCerts, privateKey, certChain, {
    checkServerIdentity,
    rejectUnauthorized: true,
  });
  const track = trackCalls(grpc, generation.calls, () => generation.releaseIfDone());
  generation.use(create(credentials, { 'grpc.use_local_subchannel_pool': 1, interceptors: [track] }));
  return generation;
}

function assertTarget(target: Target): void {
  if (typeof target !== 'object' || target === null || typeof target.host !== 'string' || target.host === '')
    throw invalidOption('target', 'names no host: pass { host, port }');
}
