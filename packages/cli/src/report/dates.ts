const dayMs = 86_400_000;

/** Whole days until an instant; negative once it has passed. */
export function daysUntil(instant: number, now: number): number {
  return Math.floor((instant - now) / dayMs);
}

/** `2026-01-31 14:05`, UTC. */
export function minuteText(instant: number): string {
  return new Date(instant).toISOString().slice(0, 16).replace('T', ' ');
}

/** `61 days left`, `1 day left`, `less than a day left`, `expired`, `not valid yet`. */
export function remainingText(
  { notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number },
  now: number,
): string {
  if (now > notAfter) return 'expired';
  if (now < notBefore) return 'not valid yet';
  const days = daysUntil(notAfter, now);
  if (days === 0) return 'less than a day left';
  return days === 1 ? '1 day left' : `${days} days left`;
}
