import https from 'node:https';
import type { Socket } from 'node:net';
import { loopbackLookup } from '@pinvault/testing';
import { findPinError, type PinnedAgent } from 'pinvault';
import { Load, requestText } from './load.js';
import { refreshIntervalMs, type Service, startService } from './service.js';
import type { Stage } from './stage.js';
import type { Terminal } from './terminal.js';
import type { DemoVault } from './vaults/demo-vault.js';

const requestsPerSecond = 80;
// One interval and one read; the rest is for a machine that has other things to do.
const followWithinMs = refreshIntervalMs + 2_000;

interface Tally {
  refusedReplica: number;
  refusedAttacker: number;
  acceptedAttacker: number;
  attackerBytes: number;
  readonly followedAfterMs: number[];
  idleGoneAfterMs: number;
}

/** Tells one rotation from beginning to end. Rejects at the first promise that is broken. */
export async function tell(stage: Stage, vault: DemoVault, terminal: Terminal): Promise<void> {
  const story = new Story(stage, vault, terminal);
  try {
    await story.run();
  } finally {
    await story.end();
  }
}

class Story {
  readonly #stage: Stage;
  readonly #vault: DemoVault;
  readonly #terminal: Terminal;
  #service: Service | undefined;
  #load: Load | undefined;
  readonly #tally: Tally = {
    refusedReplica: 0,
    refusedAttacker: 0,
    acceptedAttacker: 0,
    attackerBytes: 0,
    followedAfterMs: [],
    idleGoneAfterMs: 0,
  };

  constructor(stage: Stage, vault: DemoVault, terminal: Terminal) {
    this.#stage = stage;
    this.#vault = vault;
    this.#terminal = terminal;
  }

  async run(): Promise<void> {
    const { host, oldLeaf } = this.#stage;
    await this.#vault.edit({ [host]: oldLeaf.pin });
    this.#service = await startService(this.#vault, this.#stage);
    const { agent } = this.#service;
    this.#load = new Load({
      url: `https://${host}:${String(this.#stage.server.port)}/`,
      agent,
      requestsPerSecond,
    });
    await this.#flow(this.#service, this.#load);
    await this.#addNextPin(this.#service, this.#load);
    await this.#changeKey(this.#load);
    await this.#deleteOldRow(this.#service, this.#load);
    await this.#attack(agent);
    await this.#mistype(this.#service, this.#load);
    await this.#loseVault(this.#service, this.#load);
    await this.#load.stop();
    this.#summary(this.#service, this.#load);
  }

  async end(): Promise<void> {
    await this.#load?.stop();
    await this.#service?.close();
  }

  async #flow({ pins }: Service, load: Load): Promise<void> {
    const { host, oldLeaf } = this.#stage;
    this.#terminal.heading('1  Pinned requests flow');
    const { revision, location } = pins.status();
    this.#terminal.done(
      `${location ?? ''}, revision ${revision}, is in force: "${host}": "${short(oldLeaf.pin)}"`,
    );
    await this.#seconds(1.5);
    this.#promise(load.answered > 50, 'requests flow');
    this.#terminal.done(
      `${String(load.answered)} requests answered, ${String(requestsPerSecond)} a second, through one PinnedAgent`,
    );
  }

  async #addNextPin(service: Service, load: Load): Promise<void> {
    const { host, newLeaf } = this.#stage;
    this.#terminal.heading('2  The operator adds the next pin');
    await this.#edit(
      service,
      { [`${host}#next`]: newLeaf.pin },
      `adds the row "${host}#next": "${short(newLeaf.pin)}"`,
    );
    load.takeAnswers();
  }

  async #changeKey(load: Load): Promise<void> {
    this.#terminal.heading('3  The server changes its key');
    this.#terminal.action(
      'new handshakes get the new key; connections that are open go on under the old one',
    );
    this.#stage.changeKey();
    await this.#seconds(1.5);
    const answers = load.takeAnswers();
    const byNewKey = answers.get('new key') ?? 0;
    this.#nothingLost(load);
    this.#promise(byNewKey > 0, 'new connections use the new key');
    this.#terminal.done(
      `${String(byNewKey)} requests over the new key, ${String(answers.get('old key') ?? 0)} over the old one, 0 lost`,
    );
  }

  async #deleteOldRow(service: Service, load: Load): Promise<void> {
    const { host, replica } = this.#stage;
    const { agent, pins } = service;
    this.#terminal.heading('4  The operator deletes the old row');
    const url = `https://${host}:${String(replica.port)}/`;
    const idle = await idleConnection(url, agent);
    this.#terminal.action(
      'a replica was forgotten: the service has an idle connection to it, under the old key',
    );
    let goneAt = 0;
    idle.once('close', () => (goneAt = Date.now()));
    const savedAt = await this.#edit(service, { [host]: null }, `deletes the row "${host}"`);
    await this.#until(() => goneAt > 0, 'the idle connection of the old key is closed', 1_000);
    this.#tally.idleGoneAfterMs = goneAt - savedAt;
    this.#terminal.done(
      `the idle connection is gone, ${milliseconds(goneAt - savedAt)} after the row was saved`,
    );

    const bytesBefore = replica.applicationBytes;
    const refusal = await refusalOf(url, agent);
    this.#promise(refusal?.code === 'ERR_PIN_MISMATCH', 'the old key is refused');
    this.#promise(replica.applicationBytes === bytesBefore, 'no byte goes to the old key');
    this.#tally.refusedReplica += 1;
    this.#terminal.done(
      `a new request to that replica is refused (${refusal?.code ?? ''}) before a byte is sent`,
    );

    // Requests that were on their way when the row went may still end under the old key.
    await this.#seconds(0.2);
    load.takeAnswers();
    await this.#seconds(1);
    const answers = load.takeAnswers();
    this.#promise(!answers.has('old key') && answers.has('new key'), 'every request uses the new key');
    this.#terminal.done(
      `the load goes on: ${String(answers.get('new key') ?? 0)} requests, all over the new key; in force: ${pins.status().hosts.join(', ')}`,
    );
  }

  async #attack(agent: PinnedAgent): Promise<void> {
    const { host, attacker, otherCa, trusted } = this.#stage;
    const url = `https://${host}:${String(attacker.port)}/`;
    this.#terminal.heading('5  An attacker answers for the host');
    this.#terminal.action(
      `its certificate is from "${otherCa.replace('CN=', '')}", which this machine trusts`,
    );
    const plain = await requestText(url, { ca: [...trusted], lookup: loopbackLookup, agent: false });
    this.#promise(plain === 'thank you', 'the attack works on a client without pins');
    this.#terminal.done(
      `a client without pins is taken in: 200, ${String(attacker.applicationBytes)} bytes of request delivered`,
    );
    const bytesBefore = attacker.applicationBytes;
    let message = '';
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const refusal = await refusalOf(url, agent);
      if (refusal === undefined) this.#tally.acceptedAttacker += 1;
      else {
        this.#promise(refusal.code === 'ERR_PIN_MISMATCH', 'the refusal says ERR_PIN_MISMATCH');
        this.#tally.refusedAttacker += 1;
        ({ message } = refusal);
      }
    }
    this.#tally.attackerBytes = attacker.applicationBytes - bytesBefore;
    this.#promise(this.#tally.acceptedAttacker === 0, 'the attacker is refused');
    this.#promise(this.#tally.attackerBytes === 0, 'no byte reaches the attacker');
    this.#terminal.done('the pinned client refuses, 5 times of 5; 0 bytes reached the attacker. It says:');
    this.#terminal.quote(message);
  }

  async #mistype(service: Service, load: Load): Promise<void> {
    const { host, newLeaf } = this.#stage;
    this.#terminal.heading('6  The operator mistypes a row');
    const mistyped = newLeaf.pin.slice(0, -6);
    const savedAt = Date.now();
    this.#terminal.action(`saves the row "${host}#next" with six characters missing`);
    await this.#vault.edit({ [`${host}#next`]: mistyped, 'status.example.com': 'none' });
    const { row } = await service.told('rowRejected', savedAt, followWithinMs);
    this.#terminal.done('the row is set aside and named:');
    this.#terminal.quote(row.message);
    const { hosts } = service.pins.status();
    this.#promise(hosts.includes('status.example.com'), 'the neighbour of a bad row is taken');
    load.takeAnswers();
    await this.#seconds(0.8);
    const answers = load.takeAnswers();
    this.#promise(
      (answers.get('new key') ?? 0) > 0 && load.lost.length === 0,
      'the last good pin stays in force',
    );
    this.#terminal.done(
      `its last good pin stays in force (${String(answers.get('new key') ?? 0)} more requests, 0 lost); another row was taken`,
    );
    await this.#edit(service, { [`${host}#next`]: newLeaf.pin }, 'mends it', 'unchanged');
  }

  async #loseVault(service: Service, load: Load): Promise<void> {
    this.#terminal.heading('7  The vault dies');
    const diedAt = Date.now();
    await this.#vault.die();
    this.#terminal.action('the vault is gone');
    const { error } = await service.told('refreshError', diedAt, followWithinMs);
    this.#terminal.done(`the service notices and goes on with the last good pins (${error.code})`);
    load.takeAnswers();
    await service.told('stale', diedAt, 8_000);
    const answers = load.takeAnswers();
    const { state, ageMs, expiresAt, revision } = service.pins.status();
    const days =
      expiresAt === null
        ? ''
        : `, refused after ${String(Math.round((expiresAt - Date.now()) / 86_400_000))} days`;
    this.#nothingLost(load);
    this.#terminal.done(
      `${String(answers.get('new key') ?? 0)} more requests, 0 lost. status(): ${state}, revision ${revision}, ${(ageMs / 1_000).toFixed(1)} s old${days}`,
    );
  }

  #summary({ pins }: Service, load: Load): void {
    const { counters } = pins.status();
    const tally = this.#tally;
    this.#terminal.heading('Summary');
    this.#terminal.row('requests answered', String(load.answered));
    this.#terminal.row('requests lost', String(load.lost.length));
    this.#terminal.row(
      'attacker: refused / accepted',
      `${String(tally.refusedAttacker)} / ${String(tally.acceptedAttacker)}`,
    );
    this.#terminal.row('attacker: bytes of request received', String(tally.attackerBytes));
    this.#terminal.row('old key after its row went: refused', String(tally.refusedReplica));
    this.#terminal.row('handshakes that matched a pin', String(counters.matches));
    this.#terminal.row('from save to enforcement', tally.followedAfterMs.map(milliseconds).join(', '));
    this.#terminal.row('from save to the idle connection’s end', milliseconds(tally.idleGoneAfterMs));
    this.#terminal.row('refresh interval', milliseconds(refreshIntervalMs));
    this.#nothingLost(load);
  }

  /** An edit, and the moment in which the service follows. Returns when it was saved (epoch ms). */
  async #edit(
    { told, pins }: Service,
    edit: Readonly<Record<string, string | null>>,
    words: string,
    expected: 'rotated' | 'unchanged' = 'rotated',
  ): Promise<number> {
    const startedAt = Date.now();
    await this.#vault.edit(edit);
    const savedAt = Date.now();
    this.#terminal.action(`${words}, and saves`);
    if (expected === 'unchanged') {
      await this.#until(() => pins.status().quarantined.length === 0, 'the service follows', followWithinMs);
      this.#terminal.done(`the service follows: revision ${pins.status().revision}, no row set aside`);
      return savedAt;
    }
    const { at, revision } = await told('rotate', startedAt, followWithinMs);
    this.#tally.followedAfterMs.push(Math.max(0, at - savedAt));
    this.#terminal.done(
      `the service follows: revision ${revision} in force ${milliseconds(Math.max(0, at - savedAt))} after it was saved`,
    );
    return savedAt;
  }

  async #until(check: () => boolean, promise: string, withinMs: number): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!check()) {
      this.#promise(Date.now() < deadline, promise);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #nothingLost({ lost }: Load): void {
    const [reason = ''] = lost;
    this.#promise(lost.length === 0, `no request is lost (${String(lost.length)} were: ${reason})`);
  }

  #promise(isKept: boolean, promise: string): void {
    if (!isKept) throw new BrokenPromise(promise);
  }

  async #seconds(count: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, count * 1_000));
  }
}

/** The story did not come true. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

/** A request whose connection stays in the agent's pool, idle. */
async function idleConnection(url: string, agent: PinnedAgent): Promise<Socket> {
  let socket: Socket | undefined;
  await new Promise<void>((resolve, reject) => {
    const request = https.get(url, { agent }, (response) => {
      ({ socket } = response);
      response.resume().on('end', resolve);
    });
    request.on('error', reject);
  });
  if (socket === undefined) throw new BrokenPromise('the replica answers');
  return socket;
}

/** Why a request was refused; `undefined` where it was answered. */
async function refusalOf(
  url: string,
  agent: PinnedAgent,
): Promise<{ readonly code: string; readonly message: string } | undefined> {
  try {
    await requestText(url, { agent });
    return undefined;
  } catch (error) {
    const found = findPinError(error);
    if (found === undefined) throw error;
    return found;
  }
}

function short(pin: string): string {
  return `${pin.slice(0, 15)}…`;
}

function milliseconds(count: number): string {
  return `${String(count)} ms`;
}
