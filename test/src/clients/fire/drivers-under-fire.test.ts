import { expect } from 'chai';
import { pinErrorCode } from 'pinvault';
import { until } from '../../support/processes.js';
import { Scene, Servers, whyNoServer } from '../scene.js';
import { fireDrivers, question } from './fire-drivers.js';
import { KeptDriver } from './kept-driver.js';

const longTransfer = 1024 * 1024;

const outcome = async (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'done',
    (error: unknown) => pinErrorCode(error) ?? String(error),
  );

const outcomes = async (answers: readonly Promise<unknown>[]): Promise<readonly string[]> => [
  ...new Set(await Promise.all(answers.map(outcome))),
];

describe('rotation under fire: drivers', function () {
  this.timeout(60_000);
  const servers = new Servers();
  after(() => servers.stop());

  for (const driver of fireDrivers) {
    describe(driver.name, () => {
      let scene: Scene;
      let kept: KeptDriver;
      const { flights = 5 } = driver;

      before(async function start() {
        const reason = await whyNoServer(driver.server);
        if (reason === undefined) return;
        if (process.env['PINVAULT_REQUIRE_REAL'] === '1') throw new Error(reason);
        this.skip();
      });
      beforeEach(async () => {
        scene = await Scene.open(await servers.behind(driver.server));
        kept = new KeptDriver(driver, scene.pins, scene.place());
      });
      afterEach(async () => {
        // no driver resumes sessions by itself, which would be judged by nobody
        expect(scene.front.resumed).to.equal(0);
        await kept.close();
        await scene.close();
      });

      const ask = (count: number): readonly Promise<unknown>[] =>
        Array.from({ length: count }, async () => kept.ask(question));

      /** Questions that have all arrived, and wait for their answer. */
      async function inFlight(): Promise<{
        readonly answers: readonly Promise<unknown>[];
        readonly letGo: () => void;
      }> {
        // as many connections as a pool will have
        expect(await outcomes(ask(flights))).to.deep.equal(['done']);
        const { front } = scene;
        const heard = front.applicationBytes;
        const letGo = front.holdAnswers();
        const answers = ask(flights);
        for (const answer of answers) answer.catch(() => undefined);
        await until(
          () => front.applicationBytes >= heard + flights * question.length,
          () => `${String(front.applicationBytes - heard)} bytes have arrived`,
        );
        return { answers, letGo };
      }

      async function expectServed(): Promise<void> {
        expect(await outcomes(ask(1))).to.deep.equal(['done']);
      }

      /** New questions are refused; of what is kept a goodbye may come, and no question. */
      async function expectRefused(): Promise<void> {
        const heard = scene.front.applicationBytes;
        expect(await outcomes(ask(3))).to.deep.equal(['ERR_PIN_MISMATCH']);
        expect(scene.front.applicationBytes - heard).to.be.lessThan(question.length);
      }

      const widenings = [
        ['a pin is added', async () => scene.pin(scene.leaf, scene.next)],
        ['the leaf is widened to its CA', async () => scene.pinText(scene.caPin)],
        ['the CA is narrowed to the leaf', async () => scene.pin(scene.leaf)],
      ] as const;

      if (driver.keepsNone === undefined) {
        for (const [what, rotate] of widenings) {
          it(`${what}: no question is lost`, async () => {
            if (what.includes('narrowed')) await scene.pinText(scene.caPin);
            const { answers, letGo } = await inFlight();
            const { ended } = scene.front;
            await rotate();
            letGo();
            expect(await outcomes(answers)).to.deep.equal(['done']);
            await expectServed();
            if (driver.hides === undefined) expect(scene.front.ended).to.equal(ended);
          });
        }

        for (const [what, before] of [
          ['a pin is removed', async () => scene.pin(scene.leaf, scene.next)],
          ['the CA is narrowed to another leaf', async () => scene.pinText(scene.caPin)],
        ] as const) {
          it(`${what}: what is in flight lands, nothing new arrives`, async () => {
            await before();
            const { answers, letGo } = await inFlight();
            await scene.pin(scene.next);
            await expectRefused();
            const heard = scene.front.applicationBytes;
            letGo();
            expect(await outcomes(answers)).to.deep.equal(['done']);
            await expectRefused();
            await kept.settled();
            await scene.front.settled();
            const late = scene.front.applicationBytes - heard;
            if (driver.asksTwice === undefined) expect(late).to.be.lessThan(question.length);
          });

          it(`${what}, under the policy 'close': not a byte follows`, async () => {
            await kept.close();
            kept = new KeptDriver(driver, scene.pins, scene.place(), 'close');
            await before();
            const { answers, letGo } = await inFlight();
            const heard = scene.front.applicationBytes;
            await scene.pin(scene.next);
            expect(await outcomes(answers)).not.to.include('done');
            letGo();
            await scene.front.settled();
            expect(await outcomes(ask(3))).to.deep.equal(['ERR_PIN_MISMATCH']);
            await scene.front.settled();
            expect(scene.front.applicationBytes).to.equal(heard);
          });
        }

        it('a pin is replaced with the key: what is in flight lands, what is new goes to the new key', async () => {
          const { answers, letGo } = await inFlight();
          scene.front.use(scene.next);
          await scene.pin(scene.next);
          await expectServed();
          letGo();
          expect(await outcomes(answers)).to.deep.equal(['done']);
          await expectServed();
        });
      } else {
        it(`what is in flight at a rotation, beside a long transfer: ${driver.keepsNone}`);
      }
      if (driver.hides !== undefined)
        it(`a pin is added: no connection is dropped: ${driver.hides}, and it is replaced at each rotation`);

      it('the key is replaced before the pins: nothing goes to it until they are', async () => {
        scene.front.use(scene.next);
        await expectRefused();
        expect(scene.front.applicationBytes).to.equal(0);
        await scene.pin(scene.leaf, scene.next);
        await expectServed();
      });

      it('two rotations within one handshake: the pins at its end count', async () => {
        const release = scene.front.holdHandshakes();
        const answers = outcomes(ask(1));
        await scene.front.connected(1);
        await scene.pinText(scene.caPin);
        await scene.pin(scene.next);
        release();
        expect(await answers).to.deep.equal(['ERR_PIN_MISMATCH']);
        await scene.front.settled();
        expect(scene.front.applicationBytes).to.equal(0);
      });

      it('a pin is removed while connections are made: not a byte follows', async () => {
        const release = scene.front.holdHandshakes();
        const answers = outcomes(ask(3));
        await scene.front.connected(1);
        await scene.pin(scene.next);
        release();
        expect(await answers).to.deep.equal(['ERR_PIN_MISMATCH']);
        await scene.front.settled();
        expect(scene.front.applicationBytes).to.equal(0);
      });

      if (driver.hasNoTransfer === undefined) {
        it('a pin is removed during a long transfer: it is completed, nothing new arrives', async () => {
          const letGo = scene.front.holdAfter(64 * 1024);
          const transfer = outcome(kept.transfer(longTransfer));
          await scene.front.stoodStill();
          await scene.pin(scene.next);
          await expectRefused();
          letGo();
          expect(await transfer).to.equal('done');
          await expectRefused();
        });
      } else {
        it(`a pin is removed during a long transfer: ${driver.hasNoTransfer}`);
      }
    });
  }
});
