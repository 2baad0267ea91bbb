import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** A place that an SRV record names (RFC 2782). */
export interface SrvRecord {
  readonly target: string;
  readonly port: number;
  readonly priority: number;
}

/** A DNS server on loopback, over UDP, that answers each question with these SRV records (RFC 1035 §4.1). */
export async function startDnsServer(records: readonly SrvRecord[]) {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, { port, address }) => {
    // The one question follows the header, and ends with its type and class; what follows (EDNS) is left out.
    const end = query.indexOf(0, 12) + 1;
    asked.push(labelsOf(query.subarray(12, end)).join('.'));
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    // An answer, with authority, without an error.
    header.writeUInt16BE(0x84_00, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([header, query.subarray(12, end + 4), ...records.map(encoded)]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    asked,
    address: `127.0.0.1:${socket.address().port}`,
    async close(): Promise<void> {
      socket.close();
      await once(socket, 'close');
    },
  };
}

function labelsOf(name: Buffer): string[] {
  const labels: string[] = [];
  for (let at = 0; (name[at] ?? 0) > 0; at += (name[at] ?? 0) + 1)
    labels.push(name.toString('latin1', at + 1, at + 1 + (name[at] ?? 0)));
  return labels;
}

function encoded({ target, port, priority }: SrvRecord): Buffer {
  const name = target.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const place = Buffer.concat([...name, Buffer.from([0])]);
  const fixed = Buffer.alloc(18);
  // The name of the question, at byte 12; SRV, IN, for a minute; then the length of what follows it.
  fixed.writeUInt16BE(0xc0_0c, 0);
  fixed.writeUInt16BE(33, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt32BE(60, 6);
  fixed.writeUInt16BE(6 + place.length, 10);
  fixed.writeUInt16BE(priority, 12);
  fixed.writeUInt16BE(1, 14);
  fixed.writeUInt16BE(port, 16);
  return Buffer.concat([fixed, place]);
}
