import type { FleetOptions, FleetReads } from './fleet.js';
import { meanReads } from './fleet.js';

const size = { width: 960, height: 380, left: 64, right: 24, top: 64, bottom: 48 };

/** Drawn for a page that is light or dark: no background, and colours that either bears. */
const style = `
  text { font: 13px system-ui, sans-serif; fill: #57606a; }
  .title { font-size: 15px; font-weight: 600; fill: #24292f; }
  .axis, .grid { stroke: #8c959f; stroke-width: 1; }
  .grid { opacity: .35; }
  .limit { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 6 4; }
  .mean { stroke: #1a7f37; stroke-width: 1.5; stroke-dasharray: 2 3; }
  .reads { fill: none; stroke: #0969da; stroke-width: 1.2; stroke-linejoin: round; }
  .outage { fill: #8c959f; opacity: .18; }
  .limit-text { fill: #cf222e; } .mean-text { fill: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; } .title { fill: #f0f6fc; } .reads { stroke: #4493f8; }
    .limit { stroke: #ff7b72; } .limit-text { fill: #ff7b72; } .mean { stroke: #3fb950; } .mean-text { fill: #3fb950; }
  }`;

/** Reads per second over time, as SVG. */
export function plotFleet(options: FleetOptions, { shared, refreshes }: FleetReads): string {
  const { instances, intervalSeconds, outageFrom, outageUntil, pushAt, until } = options;
  const mean = meanReads(options);
  const top = Math.ceil(Math.max(2.4 * mean, ...refreshes) / mean) * mean;
  const x = (second: number): number => size.left + (second / until) * (size.width - size.left - size.right);
  const y = (reads: number): number =>
    size.height - size.bottom - (Math.min(reads, top) / top) * (size.height - size.top - size.bottom);
  const at = (value: number): string => value.toFixed(1);
  const horizontal = (reads: number, kind: string): string =>
    `<line class="${kind}" x1="${size.left}" x2="${size.width - size.right}" y1="${at(y(reads))}" y2="${at(y(reads))}"/>`;
  const points = refreshes.map((reads, second) => `${at(x(second))},${at(y(reads))}`).join(' ');
  const minutes = Array.from({ length: Math.floor(until / 300) + 1 }, (_, index) => index * 5);
  const marks = [
    [0, `deploy: ${(shared[0] ?? 0).toLocaleString('en')} first reads`, 'start'],
    [
      pushAt,
      `push: ${((shared[pushAt] ?? 0) + (shared[pushAt + 1] ?? 0)).toLocaleString('en')} reads at once`,
      'start',
    ],
  ] as const;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="reads per second of a fleet over time">`,
    `<style>${style}\n</style>`,
    `<text class="title" x="${size.left}" y="20">Reads per second: ${instances.toLocaleString('en')} instances, interval ${intervalSeconds} s, by the resolver's own pacing</text>`,
    `<rect class="outage" x="${at(x(outageFrom))}" y="${size.top}" width="${at(x(outageUntil) - x(outageFrom))}" height="${size.height - size.top - size.bottom}"/>`,
    `<text x="${at((x(outageFrom) + x(outageUntil)) / 2)}" y="${size.top - 8}" text-anchor="middle">the store is down</text>`,
    ...marks.map(
      ([second, text, anchor]) =>
        `<text x="${at(x(second) + 4)}" y="${size.top - 24}" text-anchor="${anchor}">${text}</text><line class="grid" x1="${at(x(second))}" x2="${at(x(second))}" y1="${size.top - 20}" y2="${size.height - size.bottom}"/>`,
    ),
    ...Array.from({ length: Math.round(top / mean) }, (_, index) => horizontal((index + 1) * mean, 'grid')),
    horizontal(mean, 'mean'),
    horizontal(2 * mean, 'limit'),
    `<polyline class="reads" points="${points}"/>`,
    horizontal(0, 'axis'),
    ...minutes.map(
      (minute) =>
        `<text x="${at(x(minute * 60))}" y="${size.height - size.bottom + 18}" text-anchor="middle">${minute}</text>`,
    ),
    `<text x="${at(x(until / 2))}" y="${size.height - 8}" text-anchor="middle">minutes</text>`,
    `<text x="${size.left - 8}" y="${at(y(0))}" text-anchor="end">0</text>`,
    `<text class="mean-text" x="${size.left - 8}" y="${at(y(mean) + 4)}" text-anchor="end">${Math.round(mean)}</text>`,
    `<text class="limit-text" x="${size.left - 8}" y="${at(y(2 * mean) + 4)}" text-anchor="end">${Math.round(2 * mean)}</text>`,
    `<text x="${size.left - 8}" y="${at(y(top) + 4)}" text-anchor="end">${Math.round(top)}</text>`,
    '</svg>',
    '',
  ].join('\n');
}
