import { fork } from 'node:child_process';
import { once } from 'node:events';

/** Starts the server process; its chain is leaf ← intermediate ← root, all keys of one type. */
export async function startServer(keyType) {
  // No execArgv: a profile of the benchmark is a profile of the client.
  const child = fork(new URL('server.mjs', import.meta.url), [keyType], {
    execArgv: [],
  });
  const answer = async () => {
    const ended = new AbortController();
    child.once('exit', () => ended.abort(new Error('the server of the benchmark has ended')));
    const [message] = await once(child, 'message', { signal: ended.signal });
    return message;
  };
  return {
    ...(await answer()),
    /** What has reached the server so far. */
    counters() {
      child.send('counters');
      return answer();
    },
    async stop() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
