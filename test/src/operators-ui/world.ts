import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { createPinResolver, PinnedAgent, pinErrorCode, type PinEvent, type PinResolver } from 'pinvault';
import { type OpenBaoMode, type OpenBaoServer, startOpenBao } from '../support/open-bao.js';
import { until } from '../support/processes.js';
import { chapterCommands, Shell } from './chapter.js';

export const host = 'api.example.com';
export const operator = { user: 'ada', password: 'a-password-of-ada' };
const refreshIntervalMs = 1_000;
/** A machine that is busy: how soon exactly is a matter of tests with injected time. */
const slackMs = 15_000;

/** A vault set up by the chapter's own commands, and somebody's shell. One serves all the tests of a file. */
export class Site {
  readonly vault: OpenBaoServer;
  readonly shell: Shell;

  private constructor(vault: OpenBaoServer, shell: Shell) {
    this.vault = vault;
    this.shell = shell;
  }

  static async start(mode: OpenBaoMode): Promise<Site> {
    const vault = await startOpenBao({ mode });
    const shell = await Shell.open(vault);
    const variables = { BAO_TOKEN: vault.token, PIN: 'none', PASSWORD: operator.password };
    for (const script of chapterCommands.get('Set-up, once') ?? []) {
      const { exitCode, output } = await shell.run(script, variables);
      if (exitCode !== 0) throw new Error(`the set-up of the chapter failed: ${output}`);
    }
    return new Site(vault, shell);
  }

  /** The secret has one version, with this pin for the host. */
  async reset(pin: string): Promise<void> {
    await this.vault.api('DELETE', 'secret/metadata/tls-pins');
    const written = await this.vault.api('POST', 'secret/data/tls-pins', { data: { [host]: pin } });
    if (written.status !== 200) throw new Error(`the vault answered the reset with ${written.status}`);
  }

  async close(): Promise<void> {
    await this.shell.close();
    await this.vault.stop();
  }
}

/** A pinned service that follows the vault of a site, and the server that it calls. */
export class World {
  readonly server: TestTlsServer;
  readonly pins: PinResolver;
  readonly agent: PinnedAgent;
  readonly events: readonly PinEvent[];
  readonly leaves: { readonly old: TestCertificate; readonly next: TestCertificate };

  private constructor(parts: Pick<World, 'server' | 'pins' | 'agent' | 'events' | 'leaves'>) {
    this.server = parts.server;
    this.pins = parts.pins;
    this.agent = parts.agent;
    this.events = parts.events;
    this.leaves = parts.leaves;
  }

  static async start(site: Site): Promise<World> {
    const root = await createRootCa({ subject: 'Example Root' });
    const leaves = { old: await root.issue({ hosts: [host] }), next: await root.issue({ hosts: [host] }) };
    await site.reset(leaves.old.pin);
    const events: PinEvent[] = [];
    const pins = await createPinResolver(
      {
        provider: 'vault',
        refreshIntervalMs,
        warnings: false,
        onEvent: (event) => events.push(event),
        vault: {
          address: site.vault.address,
          token: await site.vault.createToken({ policies: ['tls-pins-reader'] }),
          path: 'secret/tls-pins',
        },
      },
      {},
    );
    // A resumed session would show the key that it began under, and the tests ask for that of now.
    const agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup, maxCachedSessions: 0 });
    const server = await startTlsServer({ chain: [leaves.old] });
    return new World({ server, pins, agent, events, leaves });
  }

  /** The status of one request, or the code of its refusal, and how many bytes of it reached the server. */
  async request(): Promise<{ readonly outcome: number | string; readonly bytes: number }> {
    const before = this.server.applicationBytes;
    const outcome = await this.#outcome();
    return { outcome, bytes: this.server.applicationBytes - before };
  }

  /** Waits until the service has this version in force, one interval (and the read) at most. */
  async followed(version: string): Promise<void> {
    await until(
      () => this.pins.status().revision === version,
      () => `wanted ${version}: ${JSON.stringify(this.pins.status())}`,
      refreshIntervalMs + slackMs,
    );
  }

  /** The first event of that kind, or the first since there were `since` events. */
  async told<Type extends PinEvent['type']>(
    type: Type,
    since = 0,
  ): Promise<Extract<PinEvent, { type: Type }>> {
    const find = (): Extract<PinEvent, { type: Type }> | undefined =>
      this.events
        .slice(since)
        .find((event): event is Extract<PinEvent, { type: Type }> => event.type === type);
    await until(
      () => find() !== undefined,
      () => `no ${type}: ${JSON.stringify(this.pins.status())}`,
      refreshIntervalMs + slackMs,
    );
    const event = find();
    if (event === undefined) throw new Error(`no ${type}`);
    return event;
  }

  async close(): Promise<void> {
    this.agent.destroy();
    await this.pins.close();
    await this.server.close();
  }

  async #outcome(): Promise<number | string> {
    const request = https.get({ host, port: this.server.port, agent: this.agent });
    try {
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return response.statusCode ?? 0;
    } catch (error) {
      return pinErrorCode(error) ?? String(error);
    }
  }
}
