/**
 * The order of step `step`. Rotates, and goes the other way round every second turn: none is always the first, and none
 * always follows the same one, whose garbage it would clean up.
 */
export function orderOf(variants, step) {
  const start = step % variants.length;
  const rotated = [...variants.slice(start), ...variants.slice(0, start)];
  return Math.floor(step / variants.length) % 2 === 0 ? rotated : rotated.toReversed();
}

export function median(numbers) {
  const sorted = numbers.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median and range of the ratios of two lists with one number per round. */
export function ratios(numerators, denominators) {
  const each = numerators.map((numerator, round) => numerator / denominators[round]);
  return { median: median(each), min: Math.min(...each), max: Math.max(...each) };
}
