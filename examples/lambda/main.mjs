import https from 'node:https';
import { text } from 'node:stream/consumers';
import { createPinResolver, PinnedAgent, pinErrorCode } from 'pinvault';

// Once per execution environment, at its first call: a failed start is tried again by the next one.
let starting;
async function start() {
  const pins = await createPinResolver();
  return { pins, agent: new PinnedAgent(pins) };
}

export async function handler(event) {
  const started = (starting ??= start());
  started.catch(() => (starting = undefined));
  const { pins, agent } = await started;
  // After a freeze no timer has run: at most one read, and only where the interval has passed.
  await pins.ensureFresh();
  try {
    const body = await new Promise((resolve, reject) => {
      https.get(event.url, { agent }, (answer) => resolve(text(answer))).once('error', reject);
    });
    return { statusCode: 200, body };
  } catch (error) {
    return { statusCode: 502, body: pinErrorCode(error) ?? 'upstream failed' };
  }
}
