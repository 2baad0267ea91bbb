import type { TLSSocket } from 'node:tls';
import { createServer } from 'node:http';
import { BSON } from 'mongodb';
import { WebSocketServer } from 'ws';

/** Answers that hold as much of a protocol as a driver needs to connect and ask one question. */
export type Answer = (socket: TLSSocket) => void;

function onFrames(
  socket: TLSSocket,
  lengthOf: (buffer: Buffer) => number,
  take: (frame: Buffer) => void,
): void {
  let held: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= lengthOf(held)) {
      const length = lengthOf(held);
      take(held.subarray(0, length));
      held = held.subarray(length);
    }
  });
}

const hello = {
  ok: 1,
  helloOk: true,
  isWritablePrimary: true,
  ismaster: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  minWireVersion: 0,
  maxWireVersion: 21,
};

const opReply = 1;
const opMessage = 2013;

/** MongoDB's wire protocol: every command is answered like `hello`, which is enough for `ping`. */
export const mongoAnswer: Answer = (socket) => {
  onFrames(
    socket,
    (buffer) => buffer.readInt32LE(0),
    (frame) => {
      const isMessage = frame.readInt32LE(12) === opMessage;
      const body = BSON.serialize(hello);
      const header = Buffer.alloc(isMessage ? 21 : 36);
      header.writeInt32LE(header.length + body.length, 0);
      header.writeInt32LE(frame.readInt32LE(4), 8);
      header.writeInt32LE(isMessage ? opMessage : opReply, 12);
      if (!isMessage) header.writeInt32LE(1, 32);
      socket.write(Buffer.concat([header, body]));
    },
  );
};

const int16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
};
const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
};
const text = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)]);

const apiVersions = 18;

/** Kafka's wire protocol: ApiVersions, and Metadata (version 1) that names this broker alone. */
export const kafkaAnswer = (port: () => number): Answer => {
  return (socket) => {
    onFrames(
      socket,
      (buffer) => buffer.readInt32BE(0) + 4,
      (frame) => {
        const isVersions = frame.readInt16BE(4) === apiVersions;
        const body = isVersions
          ? [int16(0), int32(2), int16(3), int16(0), int16(1), int16(apiVersions), int16(0), int16(0)]
          : [int32(1), int32(0), text('localhost'), int32(port()), int16(-1), int32(0), int32(0)];
        const answer = Buffer.concat([frame.subarray(8, 12), ...body]);
        socket.write(Buffer.concat([int32(answer.length), answer]));
      },
    );
  };
};

/** A WebSocket server that sends back what it hears. */
export const webSocketAnswer: Answer = (socket) => {
  const http = createServer();
  const webSockets = new WebSocketServer({ server: http });
  webSockets.on('connection', (peer) => peer.on('message', (data) => peer.send(data)));
  http.emit('connection', socket);
};
