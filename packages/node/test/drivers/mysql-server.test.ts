import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { createStaticProvider, PinResolver } from '@pinvault/core';
import { pinnedMysqlStream } from '#src/index.js';

const pin = `sha256/${Buffer.alloc(32, 1).toString('base64')}`;

function packet(number: number, body: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  header[3] = number;
  return Buffer.concat([header, body]);
}

/** Protocol version, server version, connection, scramble, filler, capabilities. */
function greeting(capabilities: number): Buffer {
  const flags = Buffer.alloc(2);
  flags.writeUInt16LE(capabilities);
  return packet(0, Buffer.concat([Buffer.from([10]), Buffer.from('8.0.0\0'), Buffer.alloc(13, 1), flags]));
}

// A real server cannot be made to say such things.
describe('a server that does not do as MySQL does', () => {
  let pins: PinResolver;
  let server: Server;
  let received = 0;
  let speak: (socket: Socket) => void;

  beforeEach(async () => {
    pins = await PinResolver.create(createStaticProvider({ '*': pin }), { warnings: false });
    received = 0;
    server = createServer((socket) => {
      socket.on('data', (chunk) => (received += chunk.length)).on('error', () => undefined);
      speak(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(async () => {
    server.close();
    await pins.close();
  });

  async function failure(): Promise<unknown> {
    const stream = pinnedMysqlStream(pins, {
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
    })();
    stream.on('data', () => stream.write(packet(1, Buffer.alloc(40, 2))));
    const [error] = (await once(stream, 'error').catch((reason: unknown) => [reason])) as [unknown];
    return error;
  }

  it('is told nothing where it offers no TLS', async () => {
    speak = (socket) => void socket.write(greeting(0));
    expect(await failure()).to.include({ code: 'ERR_PIN_MISMATCH' });
    expect(received).to.equal(0);
  });

  it('is told nothing where it speaks before its turn', async () => {
    speak = (socket) => void socket.write(Buffer.concat([greeting(0x800), packet(1, Buffer.from([0]))]));
    expect(await failure()).to.include({ code: 'ERR_INVALID_OPTION' });
    expect(received).to.equal(0);
  });

  it('is told nothing where it goes on to speak in the clear', async () => {
    const { port } = server.address() as AddressInfo;
    const stream = pinnedMysqlStream(pins, { host: '127.0.0.1', port })();
    speak = (socket) => {
      socket.write(greeting(0x800));
      stream.once('data', () => socket.write(packet(2, Buffer.from([0]))));
    };
    const [error] = (await once(stream, 'error').catch((reason: unknown) => [reason])) as [unknown];
    expect(error).to.include({ code: 'ERR_INVALID_OPTION' });
    expect(received).to.equal(0);
  });

  it('is told nothing where its packet is too large', async () => {
    speak = (socket) => void socket.write(Buffer.from([0xff, 0xff, 0xff, 0]));
    expect(await failure()).to.include({ code: 'ERR_INVALID_OPTION' });
    expect(received).to.equal(0);
  });

  it('is asked for TLS, and told nothing else, where it answers in the clear', async () => {
    speak = (socket) => {
      socket.write(greeting(0x800));
      socket.once('data', () => socket.write(packet(2, Buffer.from([0]))));
    };
    expect(await failure()).to.be.an('error');
  });
});
