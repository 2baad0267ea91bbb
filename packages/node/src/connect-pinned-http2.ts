import type { ClientHttp2Session, SecureClientSessionOptions } from 'node:http2';
import { type GuardOptions, invalidOption, PinMismatchError } from '@pinvault/core';
import { connectPinnedTls } from './connect-pinned-tls.js';
import type { SocketPins } from './socket-pins.js';

/** Options of {@link connectPinnedHttp2}: Node's own for `http2.connect`, and what becomes of the session later. */
export interface PinnedHttp2Options extends SecureClientSessionOptions, GuardOptions {
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * `http2.connect` whose session matches the pins in force: resolves when the connection was judged.
 *
 * When its pin is removed, the policy `drain` closes the session: streams that are open finish, new ones fail with
 * Node's `ERR_HTTP2_GOAWAY_SESSION` (thrown by `request()` on Node 20 and 22, emitted by the stream from 24 on), and
 * after `graceMs` the session is destroyed. The streams that are still open then end with `ERR_HTTP2_STREAM_CANCEL`
 * or the pin's own error; `findPinError` finds it either way. Under `$revoked` that happens at once. Connect anew when
 * the session has told 'close'.
 *
 * @example
 * const session = await connectPinnedHttp2(pins, 'https://api.example.com');
 * const stream = session.request({ ':path': '/' });
 * @throws PinError (`ERR_PIN_INSECURE_SCHEME` for anything but https); Node's own error of the dial;
 *   TypeError (`ERR_INVALID_OPTION`) for an option that would open a hole
 */
export async function connectPinnedHttp2(
  pins: SocketPins,
  authority: string | URL,
  options: PinnedHttp2Options = {},
): Promise<ClientHttp2Session> {
  const url = new URL(authority);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol !== 'https:')
    throw new PinMismatchError('ERR_PIN_INSECURE_SCHEME', `${host}: only https can be pinned`, { host });
  const { createConnection, onDrain, ...rest } = options;
  if (createConnection !== undefined)
    throw invalidOption('createConnection', 'would dial in place of the pinned connection: pass "socket"');
  // On first use, since it is slow to load; before the dial, so that nothing comes between the verdict and the session.
  const { connect } = await import('node:http2');
  const opened: { session?: ClientHttp2Session } = {};
  const policy =
    options.policy === 'close' || options.policy === 'keep'
      ? { onDrain }
      : {
          onDrain: (reason: Error) => {
            opened.session?.close();
            onDrain?.(reason);
          },
        };
  const socket = await connectPinnedTls(pins, {
    ...rest,
    ALPNProtocols: ['h2'],
    host,
    port: url.port === '' ? 443 : Number(url.port),
    ...policy,
  });
  if (socket.alpnProtocol !== 'h2') {
    socket.destroy();
    throw new Error(`${host}: the server speaks no HTTP/2`);
  }
  opened.session = connect(url, { ...rest, createConnection: () => socket });
  return opened.session;
}
