import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { ServerName } from '../clients/client.js';
import { protocolsOf, Scene, Servers, whyNoServer } from '../clients/scene.js';
import { StartedProcess, until } from '../support/processes.js';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));

const services: readonly (readonly [name: string, server: ServerName])[] = [
  ['express-fetch', 'nginx'],
  ['axios', 'nginx'],
  ['got', 'nginx'],
  ['grpc', 'grpc'],
  ['postgres', 'postgres'],
  ['kubernetes', 'nginx'],
];

/** The answer of the service: status and text. */
async function ask(port: number, path = '/'): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, resolve).once('error', reject);
  });
  return `${String(response.statusCode)} ${await text(response)}`;
}

describe('the examples', function () {
  this.timeout(60_000);
  const servers = new Servers();
  let folder: string;
  let scene: Scene | undefined;
  let service: StartedProcess | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-example-'));
  });
  afterEach(async () => {
    await service?.stop();
    await scene?.close();
    service = scene = undefined;
    await rm(folder, { recursive: true, force: true });
  });
  after(() => servers.stop());

  async function open(this: Mocha.Context, name: ServerName): Promise<Scene> {
    const reason = await whyNoServer(name);
    if (reason !== undefined) {
      if (process.env['PINVAULT_REQUIRE_REAL'] === '1') throw new Error(reason);
      this.skip();
    }
    scene = await Scene.open(await servers.behind(name), protocolsOf(name));
    return scene;
  }

  /** As the kubelet does it: a folder of its own for each version, and a link that is replaced. */
  async function publish(version: string, pin: string): Promise<string> {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'pins.json'), JSON.stringify({ localhost: pin }));
    await symlink(version, join(folder, `link-${version}`));
    await rename(join(folder, `link-${version}`), join(folder, 'data'));
    return join(folder, 'data', 'pins.json');
  }

  async function environmentOf(at: Scene, pinsFile: string): Promise<NodeJS.ProcessEnv> {
    const ca = join(folder, 'ca.pem');
    const pem = at.place().ca;
    await writeFile(ca, pem);
    const upstream = `localhost:${String(at.front.port)}`;
    return {
      PATH: process.env['PATH'],
      PORT: '0',
      PINVAULT_PINS_FILE: pinsFile,
      NODE_EXTRA_CA_CERTS: ca,
      UPSTREAM_CA: pem,
      UPSTREAM_URL: `https://${upstream}/`,
      DATABASE_URL: `postgres://pinvault@${upstream}/postgres`,
    };
  }

  for (const [name, server] of services) {
    it(`${name}: answers over the pinned key, and refuses when its pin is removed, without a restart`, async function () {
      const { front, leaf, next } = await open.call(this, server);
      const env = await environmentOf(scene as Scene, await publish('1', leaf.pin));
      service = new StartedProcess(process.execPath, [join(examples, name, 'main.mjs')], { env });
      const started = service;
      await until(
        () => started.hasEnded || /listening on \d+/u.test(started.log()),
        () => started.log(),
      );
      const port = Number(/listening on (\d+)/u.exec(started.log())?.[1]);
      expect(await ask(port), started.log()).to.equal('200 ok');
      expect(front.applicationBytes).to.be.greaterThan(0);

      await publish('2', next.pin);
      await until(
        async () => (await ask(port)).startsWith('502'),
        () => started.log(),
      );
      await front.settled();
      const bytes = front.applicationBytes;
      expect(await ask(port)).to.equal('502 ERR_PIN_MISMATCH');
      await front.settled();
      expect(front.applicationBytes).to.equal(bytes);
    });

    it(`${name}: refuses another key, and not a byte is sent`, async function () {
      const { front, next } = await open.call(this, server);
      const env = await environmentOf(scene as Scene, await publish('1', next.pin));
      service = new StartedProcess(process.execPath, [join(examples, name, 'main.mjs')], { env });
      const started = service;
      await until(
        () => started.hasEnded || /listening on \d+/u.test(started.log()),
        () => started.log(),
      );
      const port = Number(/listening on (\d+)/u.exec(started.log())?.[1]);
      expect(await ask(port), started.log()).to.equal('502 ERR_PIN_MISMATCH');
      await front.settled();
      expect(front.connections).to.be.greaterThan(0);
      expect(front.applicationBytes).to.equal(0);
    });
  }

  it('lambda: answers over the pinned key, and refuses another', async function () {
    const { front, leaf, next } = await open.call(this, 'nginx');
    const handler = JSON.stringify(new URL(`file://${examples}lambda/main.mjs`).href);
    const program = `const { handler } = await import(${handler});
      console.log(JSON.stringify(await handler({ url: process.env.UPSTREAM_URL })));`;
    for (const [version, pin, expected] of [
      ['1', next.pin, { statusCode: 502, body: 'ERR_PIN_MISMATCH' }],
      ['2', leaf.pin, { statusCode: 200, body: 'ok' }],
    ] as const) {
      const env = await environmentOf(scene as Scene, await publish(version, pin));
      service = new StartedProcess(process.execPath, ['--input-type=module', '-e', program], { env });
      const started = service;
      await until(
        () => started.hasEnded,
        () => started.log(),
      );
      expect(started.log().trim(), started.log()).to.equal(JSON.stringify(expected));
      if (version === '1') expect(front.applicationBytes).to.equal(0);
    }
  });
});
