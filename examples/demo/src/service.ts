import { createPinResolver, PinnedAgent, type PinEvent, type PinEventName, type PinResolver } from 'pinvault';
import { loopbackLookup } from '@pinvault/testing';
import type { Stage } from './stage.js';
import type { DemoVault } from './vaults/demo-vault.js';

/** What a service has: pins, an agent; and here, a memory of what it was told. */
export interface Service {
  readonly pins: PinResolver;
  readonly agent: PinnedAgent;
  /** An event of this kind that was told after `since` (epoch ms); waits for it, and rejects after `withinMs`. */
  readonly told: <Name extends PinEventName>(
    name: Name,
    since: number,
    withinMs: number,
  ) => Promise<Extract<PinEvent, { type: Name }>>;
  close(): Promise<void>;
}

export const refreshIntervalMs = 1_000;

export async function startService(vault: DemoVault, { trusted }: Stage): Promise<Service> {
  const events: PinEvent[] = [];
  const waiting = new Set<() => void>();
  const pins = await createPinResolver(
    {
      provider: 'vault',
      vault: { address: vault.address, token: vault.token, path: vault.path },
      refreshIntervalMs,
      readTimeoutMs: 1_000,
      // The story tells what happens; a process warning would tell it twice.
      warnings: false,
      onEvent: (event) => {
        events.push(event);
        for (const look of waiting) look();
      },
    },
    // Nothing of the user's own environment.
    {},
  );
  const agent = new PinnedAgent(pins, { ca: [...trusted], lookup: loopbackLookup, maxSockets: 16 });

  const told: Service['told'] = async <Name extends PinEventName>(
    name: Name,
    since: number,
    withinMs: number,
  ) => {
    type Wanted = Extract<PinEvent, { type: Name }>;
    const find = (): Wanted | undefined =>
      events.find((event): event is Wanted => event.type === name && event.at >= since);
    return new Promise<Wanted>((resolve, reject) => {
      const look = (): void => {
        const event = find();
        if (event === undefined) return;
        end();
        resolve(event);
      };
      const end = (): void => {
        clearTimeout(timer);
        waiting.delete(look);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`the service was not told "${name}" within ${String(withinMs)} ms`));
      }, withinMs);
      waiting.add(look);
      look();
    });
  };

  return {
    pins,
    agent,
    told,
    close: async () => {
      agent.destroy();
      await pins.close();
    },
  };
}
