import { createServer } from 'node:http';
import * as grpc from '@grpc/grpc-js';
import { createPinnedGrpcClient, createPinResolver, pinErrorCode } from 'pinvault';

const pins = await createPinResolver();
const { hostname: host, port, host: address } = new URL(process.env.UPSTREAM_URL);
const same = (bytes) => bytes;
const say = { path: '/pinvault.Echo/Say', requestStream: false, responseStream: false };
const codec = {
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
const Echo = grpc.makeGenericClientConstructor({ say: { ...say, ...codec } }, 'Echo');

const echo = createPinnedGrpcClient(pins, grpc, {
  target: { host, port: Number(port || 443) },
  rootCerts: process.env.UPSTREAM_CA ? Buffer.from(process.env.UPSTREAM_CA) : null,
  create: (credentials, options) => new Echo(address, credentials, options),
});

const server = createServer(async (_request, response) => {
  try {
    response.end(
      await new Promise((resolve, reject) => {
        const deadline = Date.now() + 5_000;
        echo.say(Buffer.from('ok'), { deadline }, (error, answer) =>
          error ? reject(error) : resolve(answer),
        );
      }),
    );
  } catch (error) {
    response.writeHead(502).end(pinErrorCode(error) ?? 'upstream failed');
  }
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1', () =>
  console.log(`listening on ${server.address().port}`),
);
process.once('SIGTERM', async () => {
  server.close();
  echo.close();
  await pins.close();
});
