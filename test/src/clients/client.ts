import type { PinResolver } from 'pinvault';
import type { RealServerName } from './servers/real-servers.js';

/** The server that a client is to reach, under a name that it can look up. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  /** Through this proxy. */
  readonly proxy?: string;
}

/** What a client can reach: a server of Debian's, or one of ours that is true to the wire. */
export type ServerName = RealServerName | 'mongo' | 'kafka' | 'webSocket' | 'grpc';

/** A client that is kept. */
export interface Kept {
  ask(): Promise<void>;
  close(): Promise<void>;
}

/** A client as a service sets it up, with one question that it can ask. */
export interface Client {
  readonly name: string;
  readonly server: ServerName;
  /** Connects anew and asks once. Rejects with what the library gives. */
  ask(pins: PinResolver, place: Place): Promise<void>;
  /** The same, of one that is kept, and connects anew for each question: what keeps sessions may resume them here. */
  keep?(pins: PinResolver, place: Place): Kept;
  /** Whether it goes through a proxy; else why it does not. */
  readonly proxied: true | string;
  /** @defaultValue a CONNECT proxy */
  readonly speaksTo?: 'socks5';
}
