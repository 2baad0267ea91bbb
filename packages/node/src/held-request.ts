import { AsyncResource } from 'node:async_hooks';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { intercept } from './intercept.js';
import { http } from './node-http.js';

/** What Node has in a request and its types do not tell: the same from Node 20 to 26. */
interface RequestInternals {
  /** Takes the socket, or the error that stands for it, in the next tick. */
  onSocket(socket: Duplex | null | undefined, error?: Error | null): void;
  /** `options.timeout`. */
  timeout?: number;
  /** The listener with which Node turns the socket's 'timeout' into the request's. */
  timeoutCb?: (() => void) | null;
  socket: Duplex | null;
}

function internalsOf(request: object): RequestInternals {
  return request as RequestInternals;
}

/** Ends a request that got no connection as Node does: 'error' (its own "socket hang up" where there is none), 'close'. */
function endRequest(request: ClientRequest, error?: Error): void {
  // Node's own methods: those on the instance may be in the middle of calling us.
  http.ClientRequest.prototype.destroy.call(request, error);
  internalsOf(http.ClientRequest.prototype).onSocket.call(request, null);
}

/**
 * Holds a request that is on no connection until `condition` is decided. Nothing is dialled and nothing is sent
 * meanwhile; a rejection ends the request with its reason. The caller sees a request that is waiting as any other:
 * `destroy()` and an abort signal end it at once, its timeout counts.
 *
 * @param timeoutMs - the idle time after which the request tells of its timeout, where it has one
 */
export function holdRequest<Result>(
  request: ClientRequest,
  condition: Promise<Result>,
  goOn: (result: Result) => void,
  timeoutMs: number | undefined = internalsOf(request).timeout,
): void {
  let timer: NodeJS.Timeout | undefined;
  const count = (milliseconds: unknown): void => {
    clearTimeout(timer);
    if (typeof milliseconds !== 'number' || !(milliseconds > 0)) return;
    timer = setTimeout(() => request.emit('timeout'), milliseconds).unref();
  };
  const takeBack = [
    intercept(request, 'destroy', (original) => (error) => {
      if (request.destroyed) return original(error);
      release();
      original(error);
      endRequest(request);
      return request;
    }),
    intercept(request, 'setTimeout', (original) => (milliseconds, callback) => {
      const result = original(milliseconds, callback);
      count(milliseconds);
      return result;
    }),
  ];
  let isHeld = true;
  const release = (): boolean => {
    const wasHeld = isHeld;
    isHeld = false;
    clearTimeout(timer);
    for (const undo of takeBack) undo();
    return wasHeld;
  };
  count(timeoutMs);
  condition.then(
    (result) => {
      if (release()) goOn(result);
    },
    (error: unknown) => {
      if (release()) endRequest(request, error instanceof Error ? error : new Error(String(error)));
    },
  );
}

/** What the holder of a request knows of its connections. */
export interface HandshakeWatch {
  /** Whether the connection is still in its handshake. */
  isPending(socket: Duplex): boolean;
  /** Why a connection whose handshake is over may not be used; `undefined` where it may. */
  whyUnjudged(socket: Duplex): Error | undefined;
  /** Whether the request has a second chance after this error; `undefined` where it has none. */
  secondChance(error: Error): Promise<boolean> | undefined;
  /** Brings the request on its way again after that error, from the beginning. */
  again(previous: Duplex | undefined, error: Error): void;
}

/**
 * Gives the request its connection when the handshake has been judged, and not before: until then its bytes stay with
 * the request, so that it can go over another connection. Node counts the socket from the beginning, and the caller
 * notices nothing: 'socket' comes when it always did, `request.socket` is there, timeouts count, `destroy()` ends both.
 *
 * @param previous - the connection that was refused, where this is the second attempt
 */
export function holdForHandshake(request: ClientRequest, watch: HandshakeWatch, previous?: Duplex): void {
  const takeBack = intercept(request, 'onSocket', (original) => (socket, error) => {
    takeBack();
    if (request.destroyed) {
      // Ended before its turn came: Node ends it, and the connection is free for the next.
      original(socket, error);
      return;
    }
    const given = socket as Duplex | null | undefined;
    if (error instanceof Error) {
      // From a tunnel through a proxy, whose connections are handed over after their handshake.
      refused(request, watch, error, given ?? undefined, () => original(socket, error));
      return;
    }
    if (given !== null && given !== undefined) {
      if (previous !== undefined) inheritTimeout(request, given, previous);
      if (watch.isPending(given)) {
        wait(request, watch, given);
        return;
      }
    }
    original(socket);
  });
}

function wait(request: ClientRequest, watch: HandshakeWatch, socket: Duplex): void {
  const internals = internalsOf(request);
  // The caller's own context: events of a socket come in that of whoever opened it.
  const context = new AsyncResource('PinvaultHandshake');
  let failure: Error | undefined;
  let wasTold = false;
  const onError = (error: Error): void => {
    failure = error;
  };
  const onTimeout = (): void => void request.emit('timeout');
  const onSecure = (): void => {
    const reason = watch.whyUnjudged(socket);
    if (reason !== undefined) {
      socket.destroy(reason);
      return;
    }
    stop();
    context.runInAsyncScope(handOver, undefined, request, socket, wasTold);
    // Node has its own listener when the request has taken the socket.
    process.nextTick(() => socket.off('error', onError));
  };
  const onClose = (): void => {
    stop();
    const end = (): void => endRequest(request, failure);
    context.runInAsyncScope(() => {
      if (failure === undefined || request.destroyed) end();
      else refused(request, watch, failure, socket, end);
    });
  };
  const stop = (): void => {
    socket.off('secureConnect', onSecure).off('timeout', onTimeout).off('close', onClose);
  };
  socket.on('error', onError).on('secureConnect', onSecure).on('timeout', onTimeout).on('close', onClose);
  // Bytes go to a socket that names the request as its own, which this one does not yet.
  internals.socket = socket;
  process.nextTick(() => {
    if (request.destroyed || internals.socket !== socket) return;
    wasTold = true;
    request.emit('socket', socket);
  });
}

function handOver(request: ClientRequest, socket: Duplex, wasTold: boolean): void {
  internalsOf(http.ClientRequest.prototype).onSocket.call(request, socket);
  if (!wasTold) return;
  // Node tells of the socket in the next tick; the caller has heard of it when the handshake began.
  const takeBack = intercept(request, 'emit', (original) => (name, ...rest) => {
    return name === 'socket' && rest[0] === socket ? true : original(name, ...rest);
  });
  process.nextTick(takeBack);
}

function refused(
  request: ClientRequest,
  watch: HandshakeWatch,
  error: Error,
  socket: Duplex | undefined,
  end: () => void,
): void {
  const chance = request.destroyed ? undefined : watch.secondChance(error);
  if (chance === undefined) {
    end();
    return;
  }
  const goOn = (isGiven: boolean): void => {
    if (isGiven) watch.again(socket, error);
    else end();
  };
  holdRequest(request, chance, goOn, timeoutOf(socket));
}

function timeoutOf(socket: Duplex | undefined): number | undefined {
  return (socket as Partial<Socket> | undefined)?.timeout;
}

/** Node sets a request's timeout on its socket once: on the first, which is gone. */
function inheritTimeout(request: ClientRequest, socket: Duplex, previous: Duplex): void {
  const timeoutMs = timeoutOf(previous);
  if (timeoutMs !== undefined) (socket as Socket).setTimeout(timeoutMs);
  const { timeoutCb } = internalsOf(request);
  if (typeof timeoutCb === 'function') socket.once('timeout', timeoutCb);
}
