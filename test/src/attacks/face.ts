import https from 'node:https';
import { connect, type DetailedPeerCertificate, type SecureVersion, type TLSSocket } from 'node:tls';
import { askedOnly, loopbackLookup, startTlsServer, type TestTlsServer } from '@pinvault/testing';
import { createPinResolver, findPinError, Pin, PinnedAgent, type PinResolver } from 'pinvault';
import { type Chain, host } from './world.js';

export const tlsVersions: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];

/** What came of one connection. */
export interface Outcome {
  /** An answer came, or the connection may be used. */
  readonly isAccepted: boolean;
  /** Of the refusal. */
  readonly code: string | undefined;
  /** Application bytes that reached the server. */
  readonly bytes: number;
}

/** One server, asked without pins and with. */
export interface Faced {
  /** A client without pins, under the same trust store. */
  readonly plain: Outcome & {
    readonly isAuthorized: boolean;
    /** Pins of the certificates that Node showed. */
    readonly shown: readonly string[];
  };
  /** A request through a `PinnedAgent`. */
  readonly agent: Outcome;
  /** A write through `tls.connect` with `tlsOptions()`. */
  readonly options: Outcome;
  /** Index of the certificate that matched. */
  readonly matchedAt: number | undefined;
}

const secret = 'password=canary\r\n';

/** Asks a server that sends this chain. */
export async function face(chain: Chain, version: SecureVersion): Promise<Faced> {
  const security = chain.isWeak === true ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {};
  const server = await startTlsServer({
    chain: chain.sent,
    minVersion: version,
    maxVersion: version,
    ...security,
  });
  const document = { [host]: `${chain.role ?? 'ca'}:${chain.pinned.pin}` };
  const provider = { name: 'test', read: async () => ({ document, revision: '1' }) };
  const pins = await createPinResolver({ provider, warnings: false, ...askedOnly }, {});
  const trust = { ca: chain.trusted.map(({ pem }) => pem), lookup: loopbackLookup, ...security };
  try {
    const plain = await askPlain(server, trust);
    const agent = await askThroughAgent(server, pins, trust);
    let matchedAt: number | undefined;
    const verify = pins.tlsOptions({ host, port: server.port }).checkServerIdentity;
    const options = await dial(server, {
      ...trust,
      ...pins.tlsOptions({ host, port: server.port }),
      checkServerIdentity: (name: string, certificate: DetailedPeerCertificate) => {
        const refusal = verify.call(undefined, name, certificate);
        if (refusal === undefined) matchedAt = chainIndex(pins, certificate);
        return refusal;
      },
    });
    return { plain, agent, options, matchedAt };
  } finally {
    await pins.close();
    await server.close();
  }
}

function chainIndex(pins: PinResolver, certificate: DetailedPeerCertificate): number | undefined {
  const verdict = pins.verify({ host }, certificate);
  return verdict.outcome === 'match' ? verdict.chainIndex : undefined;
}

async function askPlain(server: TestTlsServer, trust: object): Promise<Faced['plain']> {
  const shown: string[] = [];
  let isAuthorized = false;
  const outcome = await dial(server, trust, (socket) => {
    isAuthorized = socket.authorized;
    shown.push(...shownPins(socket.getPeerCertificate(true)));
  });
  return { ...outcome, isAuthorized, shown };
}

/** Connects, writes before the handshake is over, and waits until the server has read it or the connection is gone. */
async function dial(
  server: TestTlsServer,
  options: object,
  onSecure: (socket: TLSSocket) => void = () => undefined,
): Promise<Outcome> {
  const before = server.applicationBytes;
  const { isAccepted, code } = await new Promise<Omit<Outcome, 'bytes'>>((resolve) => {
    const socket = connect({ host, servername: host, port: server.port, ...options });
    let isSecure = false;
    let failure: NodeJS.ErrnoException | undefined;
    socket.once('secureConnect', () => {
      isSecure = true;
      onSecure(socket);
      socket.end();
    });
    socket.on('error', (error) => {
      failure ??= error;
    });
    // What the server says to a text that is no HTTP.
    socket.resume();
    socket.once('close', () => resolve({ isAccepted: isSecure, code: codeOf(failure) }));
    socket.write(secret);
  });
  return { isAccepted, code, bytes: server.applicationBytes - before };
}

async function askThroughAgent(server: TestTlsServer, pins: PinResolver, trust: object): Promise<Outcome> {
  const before = server.applicationBytes;
  const agent = new PinnedAgent(pins, trust);
  const outcome = await new Promise<Omit<Outcome, 'bytes'>>((resolve) => {
    const request = https.get({ host, port: server.port, agent }, (response) => {
      response.resume().on('end', () => resolve({ isAccepted: true, code: undefined }));
    });
    request.on('error', (error) => resolve({ isAccepted: false, code: codeOf(error) }));
  });
  agent.destroy();
  return { ...outcome, bytes: server.applicationBytes - before };
}

function codeOf(error: NodeJS.ErrnoException | undefined): string | undefined {
  return findPinError(error)?.code ?? error?.code;
}

function shownPins(leaf: DetailedPeerCertificate): string[] {
  const pins: string[] = [];
  // Undefined where the walk stops short of a root.
  let current: DetailedPeerCertificate | undefined = leaf;
  while (current !== undefined && pins.length < 64) {
    pins.push(Pin.ofCertificate(current.raw).toString());
    const issuer: DetailedPeerCertificate | undefined = current.issuerCertificate;
    current = issuer === current ? undefined : issuer;
  }
  return pins;
}
