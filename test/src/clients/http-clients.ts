import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { connectPinnedHttp2, PinnedProxyAgent } from '@pinvault/node';
import { createPinnedFetch, PinnedDispatcher } from '@pinvault/undici';
import axios from 'axios';
import got from 'got';
import fetch from 'node-fetch';
import { PinnedAgent, type PinResolver } from 'pinvault';
import { request } from 'undici';
import WebSocket from 'ws';
import type { Client, Place } from './client.js';
import { pinnedGrpcClient, sayByGrpc } from './grpc-client.js';

function agentFor(pins: PinResolver, { ca, proxy }: Place): PinnedAgent {
  return proxy === undefined ? new PinnedAgent(pins, { ca }) : new PinnedProxyAgent(pins, { ca, proxy });
}

const httpsClient = (
  name: string,
  ask: (url: string, agent: PinnedAgent) => Promise<void>,
  server: Client['server'] = 'nginx',
): Client => ({
  name,
  server,
  proxied: true,
  async ask(pins, place) {
    const agent = agentFor(pins, place);
    try {
      await ask(`${place.host}:${String(place.port)}/`, agent);
    } finally {
      agent.destroy();
    }
  },
  keep(pins, { host, port, ca }) {
    const agent = new PinnedAgent(pins, { ca, keepAlive: false });
    return {
      ask: async () => ask(`${host}:${String(port)}/`, agent),
      close: async () => agent.destroy(),
    };
  },
});

const dispatcherClient = (
  name: string,
  ask: (pins: PinResolver, url: string, dispatcher: PinnedDispatcher) => Promise<void>,
): Client => ({
  name,
  server: 'nginx',
  proxied: true,
  async ask(pins, { host, port, ca, proxy }) {
    const dispatcher = new PinnedDispatcher(pins, {
      connect: { ca },
      ...(proxy !== undefined && { proxy }),
    });
    try {
      await ask(pins, `https://${host}:${String(port)}/`, dispatcher);
    } finally {
      await dispatcher.close();
    }
  },
  keep(pins, { host, port, ca }) {
    // a connection for each request
    const dispatcher = new PinnedDispatcher(pins, { connect: { ca }, pipelining: 0 });
    return {
      ask: async () => ask(pins, `https://${host}:${String(port)}/`, dispatcher),
      close: async () => dispatcher.close(),
    };
  },
});

export const httpClients: readonly Client[] = [
  dispatcherClient('fetch (built-in)', async (pins, url, dispatcher) => {
    await (await createPinnedFetch(pins, { dispatcher })(url)).text();
  }),
  dispatcherClient('undici', async (_pins, url, dispatcher) => {
    await (await request(url, { dispatcher })).body.text();
  }),
  httpsClient('https + PinnedAgent', async (at, agent) => {
    const [response] = (await once(https.get(`https://${at}`, { agent }), 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
  }),
  httpsClient('axios', async (at, agent) => {
    await axios.get(`https://${at}`, { httpsAgent: agent, proxy: false });
  }),
  httpsClient('got', async (at, agent) => {
    await got(`https://${at}`, { agent: { https: agent }, retry: { limit: 0 } });
  }),
  httpsClient('node-fetch', async (at, agent) => {
    await (await fetch(`https://${at}`, { agent })).text();
  }),
  httpsClient(
    'ws',
    async (at, agent) => {
      const socket = new WebSocket(`wss://${at}`, { agent });
      try {
        await once(socket, 'open');
        socket.send('hello');
        await once(socket, 'message');
      } finally {
        socket.terminate();
      }
    },
    'webSocket',
  ),
  {
    name: 'http2',
    server: 'nginxHttp2',
    proxied: 'one socket to one host, dialled without a proxy',
    async ask(pins, { host, port, ca }) {
      const session = await connectPinnedHttp2(pins, `https://${host}:${String(port)}`, { ca });
      try {
        const stream = session.request({ ':path': '/' });
        stream.resume();
        await once(stream, 'end');
      } finally {
        session.destroy();
      }
    },
  },
  {
    name: 'grpc-js',
    server: 'grpc',
    proxied: true,
    async ask(pins, place) {
      // it reads the variable when the channel is made
      if (place.proxy !== undefined) process.env['grpc_proxy'] = place.proxy;
      try {
        const client = pinnedGrpcClient(pins, place);
        await sayByGrpc(client, 'hello').finally(() => client.close());
      } finally {
        delete process.env['grpc_proxy'];
      }
    },
  },
];
