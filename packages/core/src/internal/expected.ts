/** The caught error, where it is one that was to be expected here; anything else is a bug and goes on its way. */
export function expected<Caught>(
  error: unknown,
  type: abstract new (...parameters: never[]) => Caught,
): Caught {
  if (error instanceof type) return error;
  throw error;
}
