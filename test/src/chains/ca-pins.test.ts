import https from 'node:https';
import type { DetailedPeerCertificate, SecureVersion, TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { loopbackLookup, startTlsServer } from '@pinvault/testing';
import { createPinResolver, findPinError, Pin, PinnedAgent } from 'pinvault';
import { attacks, type Chain, host, legitimate, price } from './scenarios.js';

interface Outcome {
  readonly status: number | undefined;
  readonly code: string | undefined;
  /** Application bytes that reached the server. */
  readonly bytes: number;
  /** Pins of the certificates that Node showed. */
  readonly shown: readonly string[];
}

/** The same request, without pins and with the CA pin, to the same server under the same trust store. */
async function face(
  chain: Chain,
  version: SecureVersion,
): Promise<{ readonly plain: Outcome; readonly pinned: Outcome }> {
  const server = await startTlsServer({ chain: chain.sent, minVersion: version, maxVersion: version });
  const provider = {
    name: 'test',
    read: async () => ({ document: { [host]: `ca:${chain.pinned.pin}` }, revision: '1' }),
  };
  const pins = await createPinResolver({ provider, warnings: false }, {});
  const options = { ca: chain.trusted.map(({ pem }) => pem), lookup: loopbackLookup };
  const [plainAgent, pinnedAgent] = [new https.Agent(options), new PinnedAgent(pins, options)];
  const ask = async (agent: https.Agent): Promise<Outcome> => {
    const before = server.applicationBytes;
    const shown: string[] = [];
    const { status, code } = await new Promise<Pick<Outcome, 'status' | 'code'>>((resolve) => {
      const request = https.get({ host, port: server.port, agent }, (response) => {
        shown.push(...shownPins((response.socket as TLSSocket).getPeerCertificate(true)));
        response.resume().on('end', () => resolve({ status: response.statusCode, code: undefined }));
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        resolve({ status: undefined, code: findPinError(error)?.code ?? error.code });
      });
    });
    return { status, code, bytes: server.applicationBytes - before, shown };
  };
  try {
    const plain = await ask(plainAgent);
    return { plain, pinned: await ask(pinnedAgent) };
  } finally {
    plainAgent.destroy();
    pinnedAgent.destroy();
    await pins.close();
    await server.close();
  }
}

function shownPins(leaf: DetailedPeerCertificate): string[] {
  const pins: string[] = [];
  // Undefined where the walk stops short of a root.
  let current: DetailedPeerCertificate | undefined = leaf;
  while (current !== undefined && pins.length < 20) {
    pins.push(Pin.ofCertificate(current.raw).toString());
    const issuer: DetailedPeerCertificate | undefined = current.issuerCertificate;
    current = issuer === current ? undefined : issuer;
  }
  return pins;
}

for (const version of ['TLSv1.2', 'TLSv1.3'] satisfies SecureVersion[]) {
  describe(`a CA pin, over ${version}`, () => {
    for (const [name, build] of legitimate) {
      it(`accepts: ${name}`, async () => {
        const { plain, pinned } = await face(await build(), version);
        expect(plain.status).to.equal(200);
        expect(pinned).to.include({ status: 200, code: undefined });
      });
    }

    for (const [name, build] of attacks) {
      it(`refuses: ${name}`, async () => {
        const chain = await build();
        const { plain, pinned } = await face(chain, version);
        // Else the refusal would be Node's own and prove nothing.
        expect(plain.status).to.equal(200);
        expect(pinned.status).to.equal(undefined);
        expect(pinned.code).to.be.oneOf(['ERR_PIN_MISMATCH', 'ERR_PIN_CHAIN_UNVERIFIED']);
        expect(pinned.bytes).to.equal(0);
        // The pinned key is before Node's eyes: a walk that only looks would accept.
        const isSideBySide = name.startsWith('real CA certificates');
        if (!isSideBySide) expect(plain.shown).to.include(chain.pinned.pin);
      });
    }

    for (const [name, build] of price) {
      it(`refuses, though legitimate: ${name}`, async () => {
        const { plain, pinned } = await face(await build(), version);
        expect(plain.status).to.equal(200);
        expect(pinned.code).to.be.oneOf(['ERR_PIN_MISMATCH', 'ERR_PIN_CHAIN_UNVERIFIED']);
        expect(pinned.bytes).to.equal(0);
      });
    }
  });
}
