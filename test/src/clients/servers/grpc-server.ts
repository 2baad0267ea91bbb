import grpc from '@grpc/grpc-js';
import type { RealServer } from './program.js';

/** The one method of the server: it answers with what it was sent. */
export const echoPath = '/pinvault.Echo/Say';

const same = (value: Buffer): Buffer => value;
const service: grpc.ServiceDefinition = {
  say: {
    path: echoPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};

/** The server of grpc-js itself, without TLS: that is the front's. */
export async function startGrpcServer(
  answer: (text: string) => Promise<string> = async (text) => text,
): Promise<RealServer> {
  const server = new grpc.Server();
  server.addService(service, {
    say: (call: grpc.ServerUnaryCall<Buffer, Buffer>, send: grpc.sendUnaryData<Buffer>) =>
      void answer(call.request.toString()).then((text) => send(null, Buffer.from(text))),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, stop: async () => server.forceShutdown() };
}
