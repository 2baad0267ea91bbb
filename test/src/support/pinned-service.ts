import { expect } from 'chai';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { PinnedAgent, pinErrorCode, type PinResolver } from 'pinvault';

/**
 * A host that a service calls, and one that pretends to be it: the same name under the same CA, with another key. Only
 * pins tell the two apart.
 */
export class PinnedHost {
  readonly name: string;
  readonly pin: string;
  readonly #ca: string;
  readonly #true: TestTlsServer;
  readonly #impostor: TestTlsServer;

  private constructor(parts: {
    name: string;
    root: TestCertificate;
    leaf: TestCertificate;
    real: TestTlsServer;
    impostor: TestTlsServer;
  }) {
    this.name = parts.name;
    this.pin = parts.leaf.pin;
    this.#ca = parts.root.pem;
    this.#true = parts.real;
    this.#impostor = parts.impostor;
  }

  static async start(name: string): Promise<PinnedHost> {
    const root = await createRootCa({ subject: 'Example Root' });
    const leaf = await root.issue({ hosts: [name] });
    const real = await startTlsServer({ chain: [leaf] });
    const impostor = await startTlsServer({ chain: [await root.issue({ hosts: [name] })] });
    return new PinnedHost({ name, root, leaf, real, impostor });
  }

  private get impostorBytes(): number {
    return this.#impostor.applicationBytes;
  }

  /** What comes of a request over a new connection: the status, or the code of the refusal. */
  async request(pins: PinResolver, to: 'host' | 'impostor' = 'host'): Promise<number | string | undefined> {
    const { port } = to === 'host' ? this.#true : this.#impostor;
    const agent = new PinnedAgent(pins, { ca: this.#ca, lookup: loopbackLookup });
    try {
      const request = get(`https://${this.name}:${String(port)}/`, { agent });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    } catch (error) {
      return pinErrorCode(error) ?? String(error);
    } finally {
      agent.destroy();
    }
  }

  /** Its pins are in force: the host is reached, and whoever pretends to be it reads not one byte. */
  async expectPinned(pins: PinResolver): Promise<void> {
    const before = this.impostorBytes;
    expect(await this.request(pins)).to.equal(200);
    expect(await this.request(pins, 'impostor')).to.equal('ERR_PIN_MISMATCH');
    expect(this.impostorBytes).to.equal(before);
    expect(pins.status()).to.include({ source: 'provider', state: 'fresh' });
  }

  async close(): Promise<void> {
    await Promise.all([this.#true.close(), this.#impostor.close()]);
  }
}
