/** What a pinned client needs of `@grpc/grpc-js`, by shape: the module itself is passed in. */
export interface GrpcModule<Credentials, Call extends GrpcCall> {
  readonly credentials: {
    createSsl(
      rootCerts?: Buffer | null,
      privateKey?: Buffer | null,
      certChain?: Buffer | null,
      verifyOptions?: object,
    ): Credentials;
  };
  readonly InterceptingCall: new (...parameters: never[]) => Call;
}

/** A call under way. */
export interface GrpcCall {
  cancelWithStatus(status: number, details: string): void;
}

/** Any client of grpc-js, generated or not. */
export interface GrpcClient {
  close(): void;
}

/** Client options that pinning needs; add your own, and interceptors to these. */
export interface PinnedGrpcOptions<Call extends GrpcCall> {
  /** Else a new client would go on over the connection of the old one. */
  readonly 'grpc.use_local_subchannel_pool': 1;
  readonly interceptors: ((options: object, nextCall: (options: never) => object) => Call)[];
}

/** `status.UNAVAILABLE`: what grpc-js says of a connection that was refused. */
export const unavailable = 14;

interface Listener {
  onReceiveStatus(status: object, next: (status: object) => void): void;
}

type CallMaker<Call> = new (
  next: object,
  requester: {
    start(metadata: object, listener: object, next: (metadata: object, listener: Listener) => void): void;
  },
) => Call;

/** Counts the calls of one client, so that they can be ended. */
export function trackCalls<Call extends GrpcCall>(
  grpc: Pick<GrpcModule<unknown, Call>, 'InterceptingCall'>,
  calls: Set<Call>,
  onDone: () => void,
): PinnedGrpcOptions<Call>['interceptors'][number] {
  const Intercepting = grpc.InterceptingCall as unknown as CallMaker<Call>;
  return (options, nextCall) => {
    const call: Call = new Intercepting(nextCall(options as never), {
      start: (metadata, _listener, next) => {
        next(metadata, {
          onReceiveStatus: (status, pass) => {
            calls.delete(call);
            onDone();
            pass(status);
          },
        });
      },
    });
    calls.add(call);
    return call;
  };
}
