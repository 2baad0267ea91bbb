import * as grpc from '@grpc/grpc-js';
import { createPinnedGrpcClient } from '@pinvault/node';
import type { PinResolver } from 'pinvault';
import type { Place } from './client.js';
import { echoPath } from './servers/grpc-server.js';

const toBytes = (text: string): Buffer => Buffer.from(text);
const toText = (bytes: Buffer): string => bytes.toString();

/** A client as `protoc` would generate it, without the methods. */
export function pinnedGrpcClient(pins: PinResolver, { host, port, ca }: Place): grpc.Client {
  return createPinnedGrpcClient(pins, grpc, {
    target: { host, port },
    rootCerts: Buffer.from(ca),
    create: (credentials: grpc.ChannelCredentials, options) =>
      new grpc.Client(`${host}:${String(port)}`, credentials, {
        ...options,
        'grpc.max_reconnect_backoff_ms': 100,
      }),
  });
}

/** One call; resolves with the answer. */
export async function sayByGrpc(client: grpc.Client, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 10_000;
    client.makeUnaryRequest(echoPath, toBytes, toText, text, { deadline }, (error, answer) => {
      if (error === null) resolve(answer ?? '');
      else reject(error);
    });
  });
}
