import { expect } from 'chai';
import { PinMismatchError, PinResolverError } from '#src/errors.js';
import { checked, thrownBy } from '../support/errors.js';
import { host, lonePeer, pinOf } from '../support/chains.js';
import { eventsNamed, onlyEvent, startResolver } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const peer = lonePeer('lone');

describe('report mode', () => {
  it('judges everything and refuses nothing, and says so', async () => {
    const { resolver, events } = await startResolver(
      { [host]: other, '*.example.test': 'block', 'b.test': 'nonsense' },
      { mode: 'report' },
    );
    for (const code of ['ERR_PIN_MISMATCH'] as const) {
      const verdict = resolver.verify({ host }, peer);
      expect(verdict.outcome).to.equal('reported');
      if (verdict.outcome === 'reported') checked(verdict.error, PinMismatchError, code);
      expect(resolver.checkServerIdentity(host, peer)).to.equal(undefined);
    }
    expect(eventsNamed(events, 'mismatch').map((event) => event.enforced)).to.deep.equal([false, false]);
    expect(resolver.status().mode).to.equal('report');
  });

  for (const [title, document] of [
    ['blocked', { [host]: 'block', 'c.test': lone }],
    ['quarantined', { [host]: 'nonsense', 'c.test': lone }],
    ['uncovered', { 'c.test': lone }],
    ['covered for a port that is not known', { [`${host}:443`]: lone }],
  ] as const) {
    it(`lets a host that is ${title} pass`, async () => {
      const { resolver } = await startResolver(document, { mode: 'report' });
      expect(resolver.verify({ host }, peer).outcome).to.equal('reported');
    });
  }

  it('reports a certificate that cannot be read by an error of ours', async () => {
    const { resolver } = await startResolver({ [host]: `ca:${other}` }, { mode: 'report' });
    const verdict = resolver.verify({ host }, { ...peer, raw: Buffer.from('junk') });
    expect(verdict.outcome).to.equal('reported');
    if (verdict.outcome === 'reported') checked(verdict.error, PinMismatchError, 'ERR_PIN_CHAIN_UNVERIFIED');
  });

  it('never lets a wrong host name pass', async () => {
    const { resolver } = await startResolver({ '*': lone }, { mode: 'report' });
    expect(resolver.checkServerIdentity('else.test', peer)).to.have.property(
      'code',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });

  it('reports what is past its limit, also where it was a match before', async () => {
    const { resolver, clock, provider } = await startResolver(
      { [host]: lone },
      { mode: 'report', maxStaleMs: 5_000 },
    );
    const { evidence } = resolver.verify({ host }, peer);
    provider.hang();
    await clock.advance(5_001);
    const verdict = resolver.judge(evidence);
    expect(verdict.outcome).to.equal('reported');
    if (verdict.outcome === 'reported') checked(verdict.error, PinResolverError, 'ERR_RESOLVER_EXPIRED');
  });

  it('of a row concerns its host alone', async () => {
    const { resolver, events } = await startResolver({ [host]: `${other} mode=report`, '*': other });
    expect(resolver.verify({ host }, peer).outcome).to.equal('reported');
    expect(onlyEvent(events, 'mismatch')).to.include({ enforced: false });
    expect(resolver.lookup(host)).to.include({ rule: 'pins', mode: 'report', pattern: host });
    expect(resolver.lookup('else.test')).to.include({ rule: 'pins', mode: 'enforce', pattern: '*' });
  });

  it('of a row reports pins that are over, and refuses what is past the limit', async () => {
    const { resolver, clock, provider } = await startResolver(
      { [host]: `${lone} mode=report until=2027-02-01` },
      { maxStaleMs: 5_000 },
    );
    const verdict = resolver.verify({ host }, peer);
    expect(verdict.outcome === 'reported' && verdict.error.code).to.equal('ERR_PIN_EXPIRED');
    provider.hang();
    await clock.advance(5_001);
    thrownBy(() => resolver.verify({ host }, peer), PinResolverError, 'ERR_RESOLVER_EXPIRED');
  });

  it('is asked again soon: what was reported may match later', async () => {
    const { resolver, clock, provider } = await startResolver({ [host]: `${other} mode=report` });
    const { evidence } = resolver.verify({ host }, peer);
    expect(resolver.judge(evidence)).to.equal(resolver.judge(evidence));
    provider.publish({ [host]: lone });
    await clock.advance(60_000);
    expect(resolver.judge(evidence).outcome).to.equal('match');
  });
});
