import { Agent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import {
  chainPem,
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';

export const apiHost = 'api.example.test';
export const payHost = 'pay.example.test';
export const mailHost = 'mail.example.test';

/** The servers of the story, all of them real, all on 127.0.0.1, with keys and certificates minted just now. */
export interface Stage {
  /** The API's two instances. The roll-out of the new key will forget the second one. */
  readonly api: { readonly first: TestTlsServer; readonly second: TestTlsServer };
  /** Payments and mail, which share a server. */
  readonly pay: TestTlsServer;
  readonly attacker: TestTlsServer;
  /** The `Authorization` headers that the attacker has read. */
  readonly stolen: readonly string[];
  /** Leaf first. */
  readonly chains: Readonly<Record<'old' | 'next' | 'pay' | 'attacker', Chain>>;
  readonly root: TestCertificate;
  /** What every client here trusts: the CA of the company, and the one that the attacker's certificate is from. */
  readonly trust: { readonly ca: string; readonly lookup: typeof loopbackLookup };
  /** Node's own agent with the same trust: HTTPS as it is without pins. */
  plainAgent(): Agent;
  /** The first instance gets the new key. Open connections stay as they are. */
  rollOut(): void;
  close(): Promise<void>;
}

export interface Chain {
  readonly leaf: TestCertificate;
  readonly issuer: TestCertificate;
}

export async function setStage(): Promise<Stage> {
  const root = await createRootCa({ subject: 'CN=Company Root CA' });
  const issuing = await root.issueCa({ subject: 'CN=Company Issuing CA', pathLength: 0 });
  const otherRoot = await createRootCa({ subject: 'CN=Some Other CA' });
  const old = { leaf: await issuing.issue({ hosts: [apiHost] }), issuer: issuing };
  const next = { leaf: await issuing.issue({ hosts: [apiHost] }), issuer: issuing };
  const pay = { leaf: await issuing.issue({ hosts: [payHost, mailHost] }), issuer: issuing };
  const attacker = { leaf: await otherRoot.issue({ hosts: [apiHost] }), issuer: otherRoot };

  const stolen: string[] = [];
  const first = await serve(old);
  const second = await serve(old);
  const payments = await serve(pay);
  const attackers = await startTlsServer({
    chain: served(attacker),
    respond: (request, response) => {
      stolen.push(request.headers.authorization ?? '');
      response.end(`served ${request.url ?? ''}`);
    },
  });
  const trust = { ca: chainPem(root, otherRoot), lookup: loopbackLookup };
  return {
    api: { first, second },
    pay: payments,
    attacker: attackers,
    stolen,
    chains: { old, next, pay, attacker },
    root,
    trust,
    plainAgent: () => new Agent(trust),
    rollOut: () => first.use(served(next)),
    async close() {
      await Promise.all([first, second, payments, attackers].map((server) => server.close()));
    },
  };
}

/** An HTTPS service that works a little for each answer, so that there are always requests under way. */
async function serve(chain: Chain): Promise<TestTlsServer> {
  return startTlsServer({
    chain: served(chain),
    respond: (request, response) => {
      void delay(15).then(() => response.end(`served ${request.url ?? ''}`));
    },
  });
}

function served({ leaf, issuer }: Chain): readonly TestCertificate[] {
  return [leaf, issuer];
}
