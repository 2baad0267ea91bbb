import {
  createPinResolver,
  type CreatePinResolverOptions,
  type Environment,
  type PinResolver,
} from '#src/index.js';

export const host = 'api.example.com';
export const pin = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
export const otherPin = 'sha256/i7WTqTvh0OioIruIfFR4kMPnBqrS2rdiVPl/s2uC/CY=';
export const rows = { [host]: pin };
export const otherRows = { [host]: otherPin };
export const document = JSON.stringify(rows);
export const otherDocument = JSON.stringify(otherRows);

/** Starts resolvers that are closed together, without warnings, and with no environment but what is given. */
export class Resolvers {
  readonly #open: PinResolver[] = [];

  async start(options: CreatePinResolverOptions = {}, environment: Environment = {}): Promise<PinResolver> {
    const resolver = await createPinResolver({ warnings: false, ...options }, environment);
    this.#open.push(resolver);
    return resolver;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((resolver) => resolver.close()));
  }
}

/** The pins that govern the host, as text. */
export function pinsOf(resolver: PinResolver): string[] {
  return resolver.snapshot.document.rows.flatMap((row) =>
    row.pattern === host ? row.pins.map((entry) => entry.pin) : [],
  );
}
