import { expect } from 'chai';
import { PinMismatchError } from '#src/errors.js';
import { hostText } from '#src/resolver/refusal.js';
import type { NodeCertificate } from '#src/verify/certificate.js';
import { thrownBy } from '../support/errors.js';
import {
  derOf,
  host,
  lonePeer,
  nodeCertificate,
  peerCertificate,
  pinOf,
  testTime,
} from '../support/chains.js';
import { eventsNamed, onlyEvent, startResolver, type Started } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const peer = lonePeer('lone');
const stranger = lonePeer('key ec');
const refusal = (run: () => unknown, code: PinMismatchError['code']): PinMismatchError =>
  thrownBy(run, PinMismatchError, code);

describe('a verdict', () => {
  it('names the pin, where it matched, the key of the document and the revision', async () => {
    const { resolver } = await startResolver({ '*.example.test': `ca:${pinOf('root')}` });
    const verdict = resolver.verify(
      { host: 'API.example.test.', port: 443 },
      peerCertificate('without root'),
    );
    const { evidence, ...rest } = verdict;
    expect(rest).to.deep.equal({
      outcome: 'match',
      host,
      port: 443,
      pin: `ca:${pinOf('root')}`,
      chainIndex: 2,
      pattern: '*.example.test',
      revision: '1',
    });
    expect(evidence.certificates).to.have.length(3);
    const { evidence: judged, ...again } = resolver.judge(evidence);
    expect(judged).to.equal(evidence);
    expect(again).to.deep.equal(rest);
    expect(resolver.status().counters).to.include({ matches: 1, mismatches: 0 });
  });

  it('on evidence of long ago follows every rotation: leaf, CAs of the same chain, back, and away', async () => {
    const { resolver, provider } = await startResolver({ [host]: `leaf:${pinOf('leaf')}` });
    const { evidence } = resolver.verify({ host, port: 443 }, peerCertificate('without root'));
    const rotateTo = async (row: string, directives: object = {}): Promise<void> => {
      provider.publish({ [host]: row, ...directives });
      await resolver.refresh();
    };
    for (const [row, chainIndex] of [
      [`ca:${pinOf('root')}`, 2],
      [`ca:${pinOf('intermediate')}`, 1],
      [`leaf:${pinOf('leaf')}`, 0],
      [pinOf('root'), 2],
    ] as const) {
      await rotateTo(row);
      expect(resolver.judge(evidence), row).to.include({ outcome: 'match', pin: row, chainIndex });
    }
    for (const [row, directives, code] of [
      [`leaf:${pinOf('root')}`, {}, 'ERR_PIN_MISMATCH'],
      [`ca:${other}`, {}, 'ERR_PIN_MISMATCH'],
      ['block', {}, 'ERR_PIN_HOST_BLOCKED'],
      [`ca:${pinOf('root')} mode=report`, { $revoked: `ca:${pinOf('intermediate')}` }, 'ERR_PIN_REVOKED'],
      ['none', { $revoked: pinOf('leaf') }, 'ERR_PIN_REVOKED'],
    ] as const) {
      await rotateTo(row, directives);
      refusal(() => resolver.judge(evidence), code);
    }
    await rotateTo(`ca:${pinOf('root')}`);
    expect(resolver.judge(evidence)).to.include({ outcome: 'match', chainIndex: 2 });
  });

  it('goes by every byte: another certificate that ends like a known one is refused', async () => {
    const { resolver } = await startResolver({ [host]: lone });
    expect(resolver.verify({ host, port: 443 }, peer)).to.include({ outcome: 'match' });
    const alike = derOf('key ec');
    derOf('lone').copy(alike, alike.length - 8, derOf('lone').length - 8);
    const impostor = nodeCertificate([alike]);
    refusal(() => resolver.verify({ host, port: 443 }, impostor), 'ERR_PIN_MISMATCH');
    expect(resolver.verify({ host, port: 443 }, peer)).to.include({ outcome: 'match' });
  });

  it('for a connection that shows what another one showed does not outlive an edit or the clock', async () => {
    const row = `ca:${pinOf('root')} until=2027-06-30`;
    const { resolver, provider, clock } = await startResolver({ [host]: row }, { maxStaleMs: Infinity });
    const verify = (): unknown => resolver.verify({ host }, peerCertificate('without root'));
    expect(verify()).to.deep.equal(verify());
    provider.publish({ [host]: `ca:${other}` });
    await resolver.refresh();
    refusal(verify, 'ERR_PIN_MISMATCH');
    provider.publish({ [host]: row });
    await clock.advance(1_000);
    await resolver.refresh();
    expect(verify()).to.include({ outcome: 'match' });
    clock.setWallClock(Date.UTC(2027, 6, 1));
    refusal(verify, 'ERR_PIN_EXPIRED');
  });

  it('for a host that says none is unpinned', async () => {
    const { resolver } = await startResolver({ [host]: 'none' });
    expect(resolver.verify({ host }, stranger)).to.include({ outcome: 'unpinned', reason: 'none' });
    expect(resolver.status().counters.unpinned).to.equal(1);
  });

  it('comes after the host name: a pin is no substitute for it', async () => {
    const { resolver, events } = await startResolver({ 'other.test': lone, '*': 'none' });
    for (const name of ['other.test', 'else.test']) {
      expect(() => resolver.verify({ host: name }, peer))
        .to.throw(Error)
        .with.property('code', 'ERR_TLS_CERT_ALTNAME_INVALID');
      expect(resolver.checkServerIdentity(name, peer)).to.have.property(
        'code',
        'ERR_TLS_CERT_ALTNAME_INVALID',
      );
    }
    expect(resolver.status().counters).to.include({ matches: 0, mismatches: 4 });
    expect(eventsNamed(events, 'mismatch')).to.deep.equal([]);
  });

  it('for a host that says block is a refusal', async () => {
    const { resolver } = await startResolver({ [host]: 'block', 'b.test': lone });
    const error = refusal(() => resolver.verify({ host, port: 443 }, peer), 'ERR_PIN_HOST_BLOCKED');
    expect(error).to.include({ host, port: 443, pattern: host, revision: '1' });
  });

  it('for a text that is no host is a refusal, never uncovered', async () => {
    const { resolver, events } = await startResolver({ '*': 'none' }, { uncoveredHosts: 'allow' });
    refusal(() => resolver.verify({ host: 'a..test' }, peer), 'ERR_PIN_SYNTAX');
    refusal(() => resolver.lookup('a..test'), 'ERR_PIN_SYNTAX');
    refusal(() => resolver.lookup('a.test:0'), 'ERR_PIN_SYNTAX');
    refusal(() => resolver.lookup({ host: 'a b' }), 'ERR_PIN_SYNTAX');
    refusal(() => resolver.verify({ host: 'a\u001b[2J' }, peer), 'ERR_PIN_SYNTAX');
    expect(eventsNamed(events, 'mismatch').map((event) => event.host)).to.deep.equal([
      'a..test',
      'a\\u001b[2J',
    ]);
  });

  it('for bytes that are no certificate is a refusal', async () => {
    const { resolver } = await startResolver({ [host]: `ca:${other}` });
    const junk: NodeCertificate = { ...peer, raw: Buffer.from('junk') };
    refusal(() => resolver.verify({ host }, junk), 'ERR_PIN_CHAIN_UNVERIFIED');
    refusal(() => resolver.verify({ host }, { ...peer, raw: 'x' as never }), 'ERR_PIN_CHAIN_UNVERIFIED');
    const many = nodeCertificate(Array.from({ length: 65 }, () => derOf('lone')));
    refusal(() => resolver.verify({ host }, many), 'ERR_PIN_CHAIN_UNVERIFIED');
    expect(resolver.checkServerIdentity(host, {} as NodeCertificate)).to.be.an.instanceof(Error);
  });
});

describe('a mismatch', () => {
  it('can be pasted into a fix', async () => {
    const { resolver, clock, events } = await startResolver({
      [host]: `ca:${other}`,
      [`${host}#old`]: `leaf:${other} until=2027-12-31`,
    });
    await clock.advance(14_000);
    const chain = peerCertificate('without root');
    const error = refusal(() => resolver.verify({ host, port: 443 }, chain), 'ERR_PIN_MISMATCH');
    const names = ['leaf', 'intermediate', 'root'];
    expect(error.presented).to.deep.equal(names.map((name) => ({ pin: pinOf(name), subject: `CN=${name}` })));
    expect(error.expected).to.have.members([`ca:${other}`, `leaf:${other}`]);
    expect(error).to.include({ host, port: 443, pattern: host, revision: '1' });
    for (const fact of [
      ...[`${host}:443`, ...names.map(pinOf), 'CN=leaf', other, '2027-12-31T23:59:59.999Z'],
      ...['memory secret/tls-pins', 'revision 1', '14 s ago'],
    ]) {
      expect(error.message).to.contain(fact);
    }
    expect(onlyEvent(events, 'mismatch')).to.deep.include({
      host,
      enforced: true,
      error,
      at: testTime + 14_000,
    });
  });

  it('lists a dozen certificates at most, says which it cannot read, and prints nothing odd', async () => {
    const { resolver } = await startResolver({ [host]: `leaf:${other}` });
    const many = nodeCertificate([
      derOf('control characters'),
      Buffer.from('junk'),
      ...Array.from({ length: 30 }, () => derOf('root')),
    ]);
    const error = refusal(() => resolver.verify({ host }, many), 'ERR_PIN_MISMATCH');
    expect(error.presented).to.have.length(12);
    expect(error.presented[1]).to.deep.equal({ pin: 'unreadable', subject: 'unreadable' });
    expect(error.presented[0]?.subject.length).to.be.at.most(300);
    expect(error.message.replaceAll('\n', '')).not.to.match(/[\p{Cc}\p{Cf}]/u);
  });

  it('names the host as rows do, also an address', async () => {
    const { resolver } = await startResolver({ '*': 'block' });
    const forAddress = Object.assign({ ...peer }, { subjectaltname: 'IP Address:10.0.0.7' });
    const error = refusal(
      () => resolver.verify({ host: '10.0.0.7', port: 443 }, forAddress),
      'ERR_PIN_HOST_BLOCKED',
    );
    expect(error.host).to.equal('10.0.0.7');
    expect(error.message).to.contain('10.0.0.7:443: ');
    expect([hostText('::1', 443), hostText('::1', undefined)]).to.deep.equal(['[::1]:443', '::1']);
  });
});

describe('$revoked', () => {
  for (const [title, document, options] of [
    ['a pin that matches', { [host]: lone }, {}],
    ['none', { [host]: 'none' }, {}],
    ['a row in report mode', { [host]: `${other} mode=report` }, {}],
    ['report mode', { [host]: lone }, { mode: 'report' }],
    ['uncovered hosts that are allowed', { 'b.test': lone }, { uncoveredHosts: 'allow' }],
  ] as const) {
    it(`beats ${title}`, async () => {
      const { resolver, events } = await startResolver({ ...document, $revoked: lone }, options);
      refusal(() => resolver.verify({ host }, peer), 'ERR_PIN_REVOKED');
      expect(onlyEvent(events, 'mismatch').enforced).to.equal(true);
    });
  }

  it('with ca: refuses a chain with that key anywhere, and says where', async () => {
    const { resolver } = await startResolver({ [host]: 'none', $revoked: `ca:${pinOf('root')}` });
    const error = refusal(
      () => resolver.verify({ host }, peerCertificate('without root')),
      'ERR_PIN_REVOKED',
    );
    expect(error.message).to.contain('certificate 2');
    expect(resolver.verify({ host }, peer).outcome).to.equal('unpinned');
  });

  it('applies to a connection that was judged before', async () => {
    const { resolver, provider } = await startResolver({ [host]: lone });
    const { evidence } = resolver.verify({ host }, peer);
    provider.publish({ [host]: lone, $revoked: lone });
    await resolver.refresh();
    refusal(() => resolver.judge(evidence), 'ERR_PIN_REVOKED');
  });

  it('that cannot be looked up, as a certificate cannot be read, is a refusal', async () => {
    const { resolver } = await startResolver({ [host]: 'none', $revoked: `ca:${other}` }, { mode: 'report' });
    const odd = nodeCertificate([derOf('lone'), Buffer.from('junk')]);
    refusal(() => resolver.verify({ host }, odd), 'ERR_PIN_CHAIN_UNVERIFIED');
  });
});

describe('judge', () => {
  async function judged(
    document: object,
    chain = 'lone',
  ): Promise<Started & { evidence: ReturnType<Started['resolver']['verify']>['evidence'] }> {
    const started = await startResolver(document, { maxStaleMs: Infinity });
    const { evidence } = started.resolver.verify({ host, port: 443 }, peerCertificate(chain));
    started.provider.hang();
    return { ...started, evidence };
  }

  it('ends by the clock what until= ends, without a refresh', async () => {
    const { resolver, clock, evidence } = await judged({ [host]: `${lone} until=2027-03-02T00:00:00Z` });
    await clock.advance(Date.UTC(2027, 2, 2) - testTime);
    expect(resolver.judge(evidence).outcome).to.equal('match');
    await clock.advance(1);
    refusal(() => resolver.judge(evidence), 'ERR_PIN_EXPIRED');
  });

  it('goes over to another pin that still counts', async () => {
    const { resolver, clock, evidence } = await judged(
      { [host]: `leaf:${pinOf('leaf')} until=2027-03-02T00:00:00Z`, [`${host}#ca`]: `ca:${pinOf('root')}` },
      'without root',
    );
    expect(resolver.judge(evidence)).to.include({ chainIndex: 0 });
    await clock.advance(Date.UTC(2027, 2, 2) - testTime + 1);
    expect(resolver.judge(evidence)).to.include({ chainIndex: 2 });
  });

  it('ends a connection with its certificate, and a CA pin with the CA', async () => {
    const { resolver, clock, evidence } = await judged({ [host]: lone });
    clock.setWallClock(Date.UTC(2100, 0, 1));
    refusal(() => resolver.judge(evidence), 'ERR_PIN_MISMATCH');
  });

  it('applies newer pins to a connection that was judged before, both ways', async () => {
    const { resolver, provider } = await startResolver({ [host]: lone });
    const { evidence } = resolver.verify({ host }, peer);
    provider.publish({ [host]: other });
    await resolver.refresh();
    refusal(() => resolver.judge(evidence), 'ERR_PIN_MISMATCH');
    provider.publish({ [host]: lone });
    await resolver.refresh();
    expect(resolver.judge(evidence)).to.include({ outcome: 'match', revision: '3' });
  });

  it('tells nobody: it is not a handshake', async () => {
    const { resolver, provider, events } = await startResolver({ [host]: lone });
    const { evidence } = resolver.verify({ host }, peer);
    provider.publish({ [host]: other });
    await resolver.refresh();
    refusal(() => resolver.judge(evidence), 'ERR_PIN_MISMATCH');
    expect(eventsNamed(events, 'mismatch')).to.deep.equal([]);
  });
});

describe('tlsOptions', () => {
  it('are fresh each time, and pin host and port', async () => {
    const { resolver } = await startResolver({ [`${host}:5432`]: lone });
    const options = resolver.tlsOptions({ host, port: 5432 });
    expect(options).not.to.equal(resolver.tlsOptions({ host, port: 5432 }));
    expect(options.rejectUnauthorized).to.equal(true);
    expect(options.checkServerIdentity.call(options, '10.0.0.7', peer)).to.equal(undefined);
    expect(resolver.tlsOptions().checkServerIdentity.call({}, host, peer)).to.have.property(
      'code',
      'ERR_PIN_HOST_UNCOVERED',
    );
    expect(resolver.tlsOptions({ port: 5432 }).checkServerIdentity.call({}, host, peer)).to.equal(undefined);
    expect(
      resolver.tlsOptions({ host: 'db.test', port: 5432 }).checkServerIdentity.call({}, host, peer),
    ).to.be.an.instanceof(Error);
  });

  for (const port of [0, 65_536, 443.5, Number.NaN, '443', null]) {
    it(`are refused for the port ${JSON.stringify(port)}, which would find a wider row`, async () => {
      const { resolver } = await startResolver({ [`${host}:443`]: 'block', [host]: 'none' });
      const target = { host, port: port as number };
      for (const use of [
        () => resolver.tlsOptions(target),
        () => resolver.lookup(target),
        () => resolver.verify(target, lonePeer('lone')),
      ]) {
        expect(use).to.throw(TypeError).with.property('code', 'ERR_INVALID_OPTION');
      }
    });
  }

  it('resume no session in an agent that is made of them', async () => {
    const { resolver } = await startResolver({ [host]: 'none' });
    expect(Object.entries(resolver.tlsOptions())).to.deep.include(['session', undefined]);
  });

  it('and the bare check may be passed unbound', async () => {
    const { resolver } = await startResolver({ [host]: lone });
    const { checkServerIdentity } = resolver;
    expect(checkServerIdentity(host, peer)).to.equal(undefined);
    expect(checkServerIdentity(host, stranger)).to.have.property('code', 'ERR_PIN_MISMATCH');
  });
});

describe('lookup', () => {
  it('says what governs a host, without a certificate', async () => {
    const { resolver } = await startResolver({ [host]: lone, 'b.test:443': 'block', 'c.test': 'none' });
    expect(resolver.lookup(host)).to.deep.equal({
      rule: 'pins',
      pattern: host,
      mode: 'enforce',
      pins: [{ pin: lone, role: 'any' }],
    });
    expect(resolver.lookup('b.test:443')).to.deep.equal({ rule: 'block', pattern: 'b.test:443' });
    expect(resolver.lookup({ host: 'C.test.', port: 1 })).to.deep.equal({ rule: 'none', pattern: 'c.test' });
    expect(resolver.lookup('d.test')).to.deep.equal({ rule: 'uncovered', needsPort: false });
  });
});
