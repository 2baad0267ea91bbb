// Every trap on every road, in a process that swallows every exception, as loggers and test runners do: in Node a check
// that throws sends the request in such a process. The parent chooses the environment.
import { type Attempt, type Road, roads, Site, unpinned } from './roads.js';
import { control, testClock, traps } from './traps.js';

process.on('uncaughtException', () => undefined);
process.on('unhandledRejection', () => undefined);

/** What came of one trap on one road. */
export interface Sprung extends Attempt {
  readonly trap: string;
  readonly road: Road;
  /** The same server, without pins. */
  readonly twin: Attempt;
}

const results: Sprung[] = [];
for (const { name, roads: where, set, addition = {}, onError, afterwards } of [control, ...traps]) {
  for (const road of where ?? (Object.keys(roads) as Road[])) {
    const site = await Site.start();
    const clock = testClock();
    const pins = await set(site, clock);
    await afterwards?.(site, pins, clock);
    const attempt = await roads[road](site, pins, addition, onError);
    clock.isBroken = false;
    const twin = await unpinned(site);
    results.push({ trap: name, road, ...attempt, twin });
    if ('close' in pins) await (pins.close as () => Promise<void>)();
    await site.server.close();
  }
}
process.send?.(results);
process.disconnect();
