/**
 * Options of a resolver that reads when its test asks for it. Its timer waits for the whole interval, 30 s, where it would read
 * at any moment of it (a fleet is spread so): the read that falls into a test by chance is one too many for whoever counts.
 */
export const askedOnly = { random: (): number => 0 } as const;
