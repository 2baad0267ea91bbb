import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { TestTlsServer } from '#src/index.js';
import { host } from './client.js';

/** Everything that a TLS 1.2 server says up to its certificates, which travel in clear there, in one piece. */
export async function readCertificateFlight(server: TestTlsServer): Promise<Buffer> {
  const tcp = connectTcp(server.port, '127.0.0.1');
  const seen: Buffer[] = [];
  const tap = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => tcp.write(chunk, () => done()),
  });
  tcp.on('data', (chunk: Buffer) => {
    seen.push(chunk);
    tap.push(chunk);
  });
  const client = connectTls({ socket: tap, servername: host, ca: [] });
  // The client trusts nothing, so it fails as soon as it has read the whole flight.
  await new Promise((resolve) => client.once('error', resolve));
  const closed = once(tcp, 'close');
  tcp.destroy();
  await closed;
  return joinRecords(Buffer.concat(seen));
}

// TLS records cut a large flight in pieces; their five-octet headers have to go before one can search in it.
function joinRecords(flight: Buffer): Buffer {
  const fragments: Buffer[] = [];
  for (let at = 0; at + 5 <= flight.length; at += 5 + flight.readUInt16BE(at + 3)) {
    fragments.push(flight.subarray(at + 5, at + 5 + flight.readUInt16BE(at + 3)));
  }
  return Buffer.concat(fragments);
}
