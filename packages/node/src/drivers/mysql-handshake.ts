import { invalidOption } from '@pinvault/core';

/** CLIENT_SSL, of the capabilities that both sides name in their first packet. */
const clientSsl = 0x800;
const headerLength = 4;
/** Capabilities, largest packet, character set and filler: all that a request for TLS consists of. */
const sslRequestLength = 32;
const protocolVersion = 10;
const largestHandshakePacket = 1 << 20;

/** Takes MySQL packets out of a stream of bytes. */
export class PacketReader {
  #held: Buffer = Buffer.alloc(0);

  /** @throws TypeError where a packet is larger than any of a handshake */
  push(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    if (this.#held.length >= headerLength && this.#held.readUIntLE(0, 3) > largestHandshakePacket)
      throw invalidOption('stream', 'talks to something that is no MySQL server');
  }

  /** The next whole packet, with its header. */
  take(): Buffer | undefined {
    if (this.#held.length < headerLength) return undefined;
    const length = headerLength + this.#held.readUIntLE(0, 3);
    if (this.#held.length < length) return undefined;
    const packet = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return packet;
  }

  /** What came after the last whole packet. */
  rest(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }
}

/** Where in the greeting the lower capabilities stand; `undefined` where it is none, such as an error packet. */
function capabilitiesAt(greeting: Buffer): number | undefined {
  if (greeting[headerLength] !== protocolVersion) return undefined;
  const versionEnd = greeting.indexOf(0, headerLength + 1);
  const at = versionEnd + 1 + 4 + 8 + 1;
  return versionEnd > 0 && at + 2 <= greeting.length ? at : undefined;
}

/** Whether the packet is a greeting, and not the error with which a server turns a client away. */
export function isGreeting(packet: Buffer): boolean {
  return capabilitiesAt(packet) !== undefined;
}

/** Whether the server that greets so takes a request for TLS. */
export function offersTls(greeting: Buffer): boolean {
  const at = capabilitiesAt(greeting);
  return at !== undefined && (greeting.readUInt16LE(at) & clientSsl) !== 0;
}

/** The client's answer to the greeting with the word for TLS in it, and the request for TLS that precedes it. */
export function splitAnswer(answer: Buffer): { readonly request: Buffer; readonly answer: Buffer } {
  const whole = Buffer.from(answer);
  whole.writeUInt16LE(whole.readUInt16LE(headerLength) | clientSsl, headerLength);
  const request = Buffer.from(whole.subarray(0, headerLength + sslRequestLength));
  request.writeUIntLE(sslRequestLength, 0, 3);
  return { request, answer: renumber(whole, 1) };
}

/** The packet with its number moved: the request for TLS counts, and the driver does not know of it. */
export function renumber(packet: Buffer, by: 1 | -1): Buffer {
  const moved = Buffer.from(packet);
  moved[3] = ((packet[3] ?? 0) + by) & 0xff;
  return moved;
}

/** Whether the server ends the handshake with this packet: OK or an error. Commands count anew. */
export function endsHandshake(packet: Buffer): boolean {
  const first = packet[headerLength];
  return first === 0x00 || first === 0xff;
}
