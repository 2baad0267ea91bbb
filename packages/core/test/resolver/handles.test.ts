import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { createStaticProvider } from '#src/providers/static-provider.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { host, lonePeer, pinOf } from '../support/chains.js';
import { settle } from '../support/fake-clock.js';

const document = { [host]: pinOf('lone') };
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

/** What keeps an event loop busy, by its kind. */
function handles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

describe('a thousand resolvers', () => {
  it('that were created and closed leave no handle, also in the middle of a read', async () => {
    // mocha sets its own timer when the test has returned its promise.
    await settle();
    const before = handles();
    for (let index = 0; index < 1_000; index += 1) {
      const provider = createStaticProvider(document);
      const resolver = await PinResolver.create(provider, { warnings: false });
      if (index % 50 === 0) resolver.checkServerIdentity(host, lonePeer('key ec'));
      void resolver.refresh().catch(() => undefined);
      void resolver.refresh().catch(() => undefined);
      resolver.notify();
      await resolver.close();
    }
    await new Promise((resolve) => void setImmediate(resolve));
    expect(handles()).to.deep.equal(before);
  });

  it('that are open hold no timer that keeps a process alive', async () => {
    // mocha sets its own timer when the test has returned its promise.
    await settle();
    const before = handles();
    const open = await Promise.all(
      Array.from({ length: 100 }, () =>
        PinResolver.create(createStaticProvider(document), { warnings: false }),
      ),
    );
    expect(handles()).to.deep.equal(before);
    await Promise.all(open.map((resolver) => resolver.close()));
  });

  it('of one process stay apart: each event carries the name of its own', async () => {
    const names: string[] = [];
    const create = async (name: string): Promise<PinResolver> =>
      PinResolver.create(createStaticProvider(document), {
        name,
        warnings: false,
        onEvent: (event) => names.push(`${event.resolver} ${event.type}`),
      });
    const [first, second] = [await create('payments'), await create('mail')];
    first.checkServerIdentity(host, lonePeer('key ec'));
    await first.close();
    expect(second.checkServerIdentity(host, lonePeer('lone'))).to.equal(undefined);
    await second.close();
    expect(names).to.deep.equal([
      'payments ready',
      'mail ready',
      'payments mismatch',
      'payments close',
      'mail close',
    ]);
  });
});

describe('a worker thread', () => {
  it('gets the snapshot as it is, and follows the documents that are handed to its static provider', async () => {
    const resolver = await PinResolver.create(createStaticProvider(document), { warnings: false });
    const main = new URL('../../dist/index.js', import.meta.url).href;
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { PinResolver, createStaticProvider } = await import(workerData.main);
      const provider = createStaticProvider(workerData.document);
      const pins = await PinResolver.create(provider, { warnings: false });
      pins.on('rotate', ({ revision }) => parentPort.postMessage({ revision, rule: pins.lookup(workerData.host) }));
      parentPort.on('message', ({ document, revision }) => {
        provider.update(document, revision);
        pins.notify(revision);
      });
      parentPort.postMessage({ snapshot: workerData.snapshot, rule: pins.lookup(workerData.host) });
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
      workerData: { main, document, host, snapshot: resolver.snapshot },
    });
    try {
      const [first] = (await once(worker, 'message')) as [{ snapshot: unknown; rule: unknown }];
      expect(first.snapshot).to.deep.equal(resolver.snapshot);
      expect(first.rule).to.deep.equal(resolver.lookup(host));
      worker.postMessage({ document: { [host]: other }, revision: '2' });
      const [second] = (await once(worker, 'message')) as [
        { revision: string; rule: { pins: { pin: string }[] } },
      ];
      expect([second.revision, second.rule.pins[0]?.pin]).to.deep.equal(['2', other]);
    } finally {
      await worker.terminate();
      await resolver.close();
    }
  });
});
