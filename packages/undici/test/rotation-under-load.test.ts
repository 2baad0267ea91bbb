import type { RequestListener } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { describeWithEach } from './support/majors.js';
import { answerOf, host, Scene } from './support/scene.js';

/** Says which certificate the server has shown on this connection. */
const tellCertificate: RequestListener = (request, response) => {
  const socket = request.socket as TLSSocket;
  const certificate = socket.getCertificate();
  response.end(certificate !== null && 'serialNumber' in certificate ? certificate.serialNumber : 'none');
};

describeWithEach('PinnedDispatcher under load while key and pins change', function underLoad(major) {
  for (const start of ['start', 'startH2'] as const) {
    it(`loses no request, and sends none on a pin that was removed before (${start === 'start' ? 'HTTP/1.1' : 'HTTP/2'})`, async function () {
      this.timeout(30_000);
      const scene = await Scene[start](major, { server: { respond: tellCertificate } });
      try {
        const serials = new Map<string, string>();
        // The pins in force, from the beginning on.
        const allowed = [new Set([scene.oldLeaf.pin])];
        const put = async (...pins: readonly string[]): Promise<void> => {
          await scene.rotate({ [host]: pins.join(' ') });
          allowed.push(new Set(pins));
        };
        const failures: string[] = [];
        const late: string[] = [];
        const call = async (): Promise<void> => {
          const from = allowed.length - 1;
          const answer = await answerOf(async () => {
            const request = { origin: scene.origin, path: '/', method: 'GET' } as const;
            const { statusCode, body } = await scene.dispatcher.request(request);
            return `${statusCode} ${await body.text()}`;
          });
          if (!answer.startsWith('200 ')) failures.push(answer);
          else answers.push({ from, to: allowed.length, serial: answer.slice(4) });
        };
        const answers: { from: number; to: number; serial: string }[] = [];
        const load = { isOver: false };
        const caller = async (): Promise<void> => {
          while (!load.isOver) await call();
        };
        const callers = Array.from({ length: 16 }, caller);
        let [current, next] = [scene.oldLeaf, scene.newLeaf];
        for (let rotation = 0; rotation < 8; rotation += 1) {
          const { length } = answers;
          await put(current.pin, next.pin);
          scene.server.use([next]);
          await put(next.pin);
          [current, next] = [next, current];
          while (answers.length < length + 40 && failures.length === 0)
            await new Promise((resolve) => setImmediate(resolve));
        }
        load.isOver = true;
        await Promise.all(callers);
        for (const leaf of [scene.oldLeaf, scene.newLeaf]) serials.set(leaf.x509.serialNumber, leaf.pin);
        for (const { from, to, serial } of answers) {
          const pin = serials.get(serial) ?? '';
          if (!allowed.slice(from, to).some((pins) => pins.has(pin))) late.push(serial);
        }
        expect([failures, late]).to.deep.equal([[], []]);
        expect(answers.length).to.be.above(300);
      } finally {
        await scene.close();
      }
    });
  }
});
