import { expect } from 'chai';
import { PinMismatchError } from '#src/errors.js';
import { checked, thrownBy } from '../support/errors.js';
import { host, lonePeer, pinOf } from '../support/chains.js';
import { settle } from '../support/fake-clock.js';
import { onlyEvent, startResolver, refreshLater } from '../support/resolvers.js';

const lone = pinOf('lone');
const peer = lonePeer('lone');
const refusal = (run: () => unknown, code: PinMismatchError['code']): PinMismatchError =>
  thrownBy(run, PinMismatchError, code);

describe('an uncovered host', () => {
  it('is refused by default, and the error says what row to add, and where', async () => {
    const { resolver } = await startResolver({ 'b.test': lone });
    const error = refusal(() => resolver.verify({ host }, peer), 'ERR_PIN_HOST_UNCOVERED');
    for (const fact of [`"${host}"`, lone, 'none', 'memory secret/tls-pins'])
      expect(error.message).to.contain(fact);
  });

  it('is let through under allow', async () => {
    const { resolver } = await startResolver({ 'b.test': lone }, { uncoveredHosts: 'allow' });
    expect(resolver.verify({ host }, peer)).to.include({ outcome: 'unpinned', reason: 'uncovered' });
  });

  it('is told under report', async () => {
    const { resolver, events } = await startResolver({ 'b.test': lone }, { uncoveredHosts: 'report' });
    const verdict = resolver.verify({ host }, peer);
    expect(verdict.outcome).to.equal('reported');
    if (verdict.outcome === 'reported') checked(verdict.error, PinMismatchError, 'ERR_PIN_HOST_UNCOVERED');
    expect(onlyEvent(events, 'mismatch')).to.include({ host, enforced: false });
    expect(resolver.status().counters).to.include({ reported: 1, mismatches: 0 });
  });

  for (const uncoveredHosts of ['allow', 'report'] as const) {
    for (const [title, before, port] of [
      ['a row', { [host]: lone }, 443],
      ['a row of another mode', { [host]: `${lone} mode=report` }, 443],
      ['block', { [host]: 'block' }, 443],
      ['a bad row', { [host]: 'nonsense' }, 443],
      ['a wider row', { '**.test': lone }, 443],
      ['a row with its port', { [`${host}:443`]: lone }, 443],
      ['a row with a port, where the port is not known', { [`${host}:443`]: lone }, undefined],
    ] as const) {
      it(`that was ever covered, by ${title}, stays refused under ${uncoveredHosts} until a row says none`, async () => {
        const { resolver, provider, clock } = await startResolver(
          { ...before, 'b.other': lone },
          { uncoveredHosts },
        );
        provider.publish({ 'b.other': lone });
        await resolver.refresh();
        const error = refusal(() => resolver.verify({ host, port }, peer), 'ERR_PIN_HOST_UNCOVERED');
        expect(error.message).to.contain('any more').and.to.contain('none');
        await settle();
        provider.publish({ 'b.other': lone, [host]: 'none' });
        await refreshLater({ resolver, clock });
        expect(resolver.verify({ host, port }, peer).outcome).to.equal('unpinned');
      });
    }

    it(`that was covered on another port only is not concerned, under ${uncoveredHosts}`, async () => {
      const { resolver } = await startResolver({ [`${host}:8443`]: lone }, { uncoveredHosts });
      expect(resolver.verify({ host, port: 443 }, peer).outcome).not.to.equal('match');
    });
  }

  for (const uncoveredHosts of ['reject', 'allow', 'report'] as const) {
    it(`that only rows with a port fit is refused under ${uncoveredHosts}, with that hint`, async () => {
      const { resolver } = await startResolver({ [`${host}:443`]: lone, '*': 'none' }, { uncoveredHosts });
      const error = refusal(() => resolver.verify({ host }, peer), 'ERR_PIN_HOST_UNCOVERED');
      expect(error.message).to.contain('port');
      expect(resolver.verify({ host, port: 443 }, peer).outcome).to.equal('match');
      expect(resolver.lookup(host)).to.deep.equal({ rule: 'uncovered', needsPort: true });
    });
  }
});
