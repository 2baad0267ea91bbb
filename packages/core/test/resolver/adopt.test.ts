import { expect } from 'chai';
import { PinDocumentError } from '#src/errors.js';
import { decodeDocument } from '#src/policy/decode.js';
import type { PinDocument } from '#src/policy/document.js';
import { parseTarget } from '#src/policy/host.js';
import { Policy } from '#src/policy/policy.js';
import { adoptDocument, compareDocuments, refuseRollback } from '#src/resolver/adopt.js';
import { RequiredHosts } from '#src/resolver/required-hosts.js';
import { thrownBy } from '../support/errors.js';

const one = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const two = 'sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=';

function adopt(next: object, previous?: object, required: readonly string[] = []): PinDocument {
  const before = previous === undefined ? undefined : decodeDocument(previous);
  return adoptDocument(decodeDocument(next), before, new RequiredHosts(required.map(parseTarget)));
}

/** What is in force for a host: the kind of its rule, or its pins. */
function inForce(document: PinDocument, target: string): string | readonly string[] {
  const { host, port } = parseTarget(target);
  const rule = new Policy(document).lookup(host, port);
  return rule.kind === 'pins' ? rule.pins.map((entry) => entry.pin) : rule.kind;
}

describe('a bad row', () => {
  it('keeps the last good pins of its key, and says so', () => {
    const document = adopt({ 'a.test': 'nonsense', 'b.test': two }, { 'a.test': one, 'b.test': one });
    expect(inForce(document, 'a.test')).to.deep.equal([one]);
    expect(inForce(document, 'b.test')).to.deep.equal([two]);
    expect(document.rows.map((row) => row.kept)).to.deep.equal(['bad-row', undefined]);
    expect(document.badRows.map((row) => row.key)).to.deep.equal(['a.test']);
  });

  it('goes on keeping them, read after read', () => {
    const bad = decodeDocument({ 'a.test': 'nonsense', 'b.test': one });
    let document = decodeDocument({ 'a.test': one, 'b.test': one });
    for (let read = 0; read < 3; read += 1) document = adoptDocument(bad, document, new RequiredHosts([]));
    expect(inForce(document, 'a.test')).to.deep.equal([one]);
  });

  it('without a good one before is refused, and never falls through to a wider key', () => {
    const next = { 'a.test': 'nonsense', '*': 'none' };
    expect(inForce(adopt(next), 'a.test')).to.equal('quarantined');
    expect(inForce(adopt(next, { 'b.test': one }), 'a.test')).to.equal('quarantined');
  });

  it('with a label keeps what stood under that label, beside the good rows', () => {
    const previous = { 'a.test': one, 'a.test#next': two };
    const document = adopt({ 'a.test': one, 'a.test#next': 'nonsense' }, previous);
    expect(inForce(document, 'a.test')).to.deep.equal([one, two]);
    expect(inForce(adopt({ 'a.test': one, 'a.test#new': 'nonsense' }, previous), 'a.test')).to.deep.equal([
      one,
    ]);
  });

  it('under a new label, where the host has no good row left, keeps all that the host had', () => {
    const document = adopt(
      { 'a.test#new': 'nonsense', 'b.test': one },
      { 'a.test': one, 'a.test#next': two },
    );
    expect(inForce(document, 'a.test')).to.deep.equal([one, two]);
  });

  it('does not bring back a row that was deleted beside it', () => {
    const document = adopt({ 'a.test#x': 'nonsense', 'b.test': one }, { 'a.test#x': one, 'a.test#y': two });
    expect(inForce(document, 'a.test')).to.deep.equal([one]);
  });

  it('keeps pins also beside a row that says none: the stricter side holds', () => {
    const document = adopt({ 'a.test': 'none', 'a.test#x': 'nonsense' }, { 'b.test': one, 'a.test#x': two });
    expect(inForce(document, 'a.test')).to.deep.equal([two]);
  });
});

describe('a row that a stricter one of its host overrules', () => {
  it('brings nothing back: what it said before was taken out of the document', () => {
    const previous = { 'a.test': one, 'a.test#next': two };
    const document = adopt({ 'a.test': 'none', 'a.test#next': two }, previous);
    expect(inForce(document, 'a.test')).to.deep.equal([two]);
    expect(document.badRows.map(({ key, overruledBy }) => [key, overruledBy])).to.deep.equal([
      ['a.test', 'pins'],
    ]);
    const blocked = adopt({ 'a.test': two, 'a.test#next': 'block' }, previous);
    expect(inForce(blocked, 'a.test')).to.equal('block');
    expect(
      inForce(adopt({ 'a.test': two }, { 'a.test': two, 'a.test#next': 'block' }), 'a.test'),
    ).to.deep.equal([two]);
    expect(blocked.rows.map((row) => row.kept)).to.deep.equal([undefined]);
  });
});

describe('a required host', () => {
  const previous = { 'a.test': `${one} mode=enforce`, 'b.test': two };

  for (const [title, next] of [
    ['has no row', { 'b.test': two }],
    ['says none', { 'a.test': 'none', 'b.test': two }],
    ['is only in report mode', { 'a.test': `${two} mode=report`, 'b.test': two }],
    ['is covered by a none of a wider key', { '*': 'none', 'b.test': two }],
  ] as const) {
    it(`that ${title} keeps its last pins, and that is named`, () => {
      const document = adopt(next, previous, ['a.test']);
      expect(inForce(document, 'a.test')).to.deep.equal([one]);
      expect(document.rows.find((row) => row.pattern === 'a.test')).to.include({ kept: 'required-host' });
      expect(document.badRows.map(({ pattern, code }) => [pattern, code])).to.deep.equal([
        ['a.test', 'ERR_DOCUMENT_REQUIRED_HOST'],
      ]);
      const rule = new Policy(document).lookup('a.test', undefined);
      expect(rule.kind === 'pins' && rule.mode).to.equal('enforce');
      expect(Object.isFrozen(document) && Object.isFrozen(document.badRows)).to.equal(true);
    });

    it(`that ${title} at the start fails it`, () => {
      const error = thrownBy(
        () => adopt(next, undefined, ['a.test']),
        PinDocumentError,
        'ERR_DOCUMENT_REQUIRED_HOST',
      );
      expect(error).to.include({ reason: 'required-host', key: 'a.test' });
    });
  }

  it('that has a bad row keeps its last pins', () => {
    const document = adopt({ 'a.test': 'nonsense', 'b.test': two }, previous, ['a.test']);
    expect(inForce(document, 'a.test')).to.deep.equal([one]);
  });

  it('that has only a bad row at the start fails it', () => {
    thrownBy(
      () => adopt({ 'a.test': 'nonsense', 'b.test': two }, undefined, ['a.test']),
      PinDocumentError,
      'ERR_DOCUMENT_REQUIRED_HOST',
    );
  });

  it('may be blocked later, and not at the start', () => {
    const next = { 'a.test': 'block', 'b.test': two };
    expect(inForce(adopt(next, previous, ['a.test']), 'a.test')).to.equal('block');
    thrownBy(() => adopt(next, undefined, ['a.test']), PinDocumentError, 'ERR_DOCUMENT_REQUIRED_HOST');
  });

  it('may get other pins, also from a wider key', () => {
    const document = adopt({ '*.test': two }, previous, ['a.test']);
    expect(inForce(document, 'a.test')).to.deep.equal([two]);
    expect(document.badRows).to.deep.equal([]);
  });

  it('that was covered by a wider key keeps those pins under its own name', () => {
    const document = adopt({ 'b.test': two }, { '*.test': one, 'b.test': two }, ['a.test']);
    expect(inForce(document, 'a.test')).to.deep.equal([one]);
    expect(inForce(document, 'c.test')).to.equal('uncovered');
  });

  it('with a port is asked for with that port', () => {
    for (const target of ['a.test:8443', '[::1]:8443']) {
      const before = { [target]: one, 'b.test': two };
      expect(inForce(adopt({ 'b.test': two }, before, [target]), target)).to.deep.equal([one]);
      expect(inForce(adopt(before, undefined, [target]), target)).to.deep.equal([one]);
    }
    thrownBy(
      () => adopt({ 'a.test:443': one }, undefined, ['a.test:8443']),
      PinDocumentError,
      'ERR_DOCUMENT_REQUIRED_HOST',
    );
  });

  for (const [title, row] of [
    ['says none', 'none'],
    ['is only in report mode', `${two} mode=report`],
  ] as const) {
    it(`without a port keeps its pins on a port whose new row ${title}, read after read`, () => {
      const required = new RequiredHosts([parseTarget('a.test')]);
      const next = decodeDocument({ 'a.test': one, 'a.test:443': row, 'b.test:8443': 'none' });
      let document = decodeDocument({ 'a.test': one, 'b.test': two });
      for (let read = 0; read < 2; read += 1) {
        document = adoptDocument(next, document, required);
        expect(inForce(document, 'a.test:443')).to.deep.equal([one]);
        expect(inForce(document, 'a.test:8443')).to.deep.equal([one]);
        expect(document.badRows.map(({ pattern }) => pattern)).to.deep.equal(['a.test:443']);
      }
    });
  }

  it('without a port may have a port that never was pinned, or gets other pins', () => {
    const first = { 'a.test': one, 'a.test:8443': 'none' };
    expect(inForce(adopt(first, undefined, ['a.test']), 'a.test:8443')).to.equal('none');
    expect(inForce(adopt({ ...first, 'b.test': two }, first, ['a.test']), 'a.test:8443')).to.equal('none');
    const moved = adopt({ 'a.test': one, 'a.test:443': two, 'a.test:1': 'block' }, first, ['a.test']);
    expect(inForce(moved, 'a.test:443')).to.deep.equal([two]);
    expect(inForce(moved, 'a.test:1')).to.equal('block');
  });

  for (const [title, between] of [
    ['is blocked', { 'a.test': 'block', 'b.test': two }],
    ['has a bad row for one port', { 'a.test': one, 'a.test:443': 'nonsense', 'b.test': two }],
    ['has a port blocked', { 'a.test': one, 'a.test:443': 'block', 'b.test': two }],
  ] as const) {
    for (const [opening, row] of [
      ['none', 'none'],
      ['report mode', `${two} mode=report`],
    ] as const) {
      it(`that ${title} first and is opened by ${opening} later gets its last pins back`, () => {
        const required = new RequiredHosts([parseTarget('a.test')]);
        const steps = [previous, between, { 'a.test': row, 'a.test:443': row, 'b.test': two }];
        let document: PinDocument | undefined;
        for (const step of steps) document = adoptDocument(decodeDocument(step), document, required);
        expect(inForce(document as PinDocument, 'a.test')).to.deep.equal([one]);
        expect(inForce(document as PinDocument, 'a.test:443')).to.deep.equal([one]);
      });
    }
  }

  it('gets back the pins of the last document that pinned it, not older ones', () => {
    const required = new RequiredHosts([parseTarget('a.test')]);
    const [block, opened] = [{ 'a.test': 'block' }, { 'a.test': 'none', 'b.test': two }];
    let document: PinDocument | undefined;
    for (const step of [{ 'a.test': one }, { 'a.test': two }, block, opened, block, opened])
      document = adoptDocument(decodeDocument(step), document, required);
    expect(inForce(document as PinDocument, 'a.test')).to.deep.equal([two]);
  });

  it('is no reason to keep pins when another document is begun with', () => {
    const required = new RequiredHosts([parseTarget('a.test')]);
    adoptDocument(decodeDocument(previous), undefined, required);
    thrownBy(
      () => adoptDocument(decodeDocument({ 'b.test': two }), undefined, required),
      PinDocumentError,
      'ERR_DOCUMENT_REQUIRED_HOST',
    );
  });

  it('is named with its port', () => {
    const document = adopt({ 'a.test': one, 'a.test:443': 'none' }, previous, ['a.test']);
    expect(document.badRows.map(({ message }) => message)).to.deep.equal([
      'ERR_DOCUMENT_REQUIRED_HOST: the required host a.test:443 says none; its last pins stay in force (add the row "a.test:443": "sha256/<its pin>", or take the host out of requiredHosts)',
    ]);
  });

  it('that was not required and pinned before cannot be kept', () => {
    thrownBy(
      () => adopt({ 'b.test': two }, { 'b.test': two }, ['a.test']),
      PinDocumentError,
      'ERR_DOCUMENT_REQUIRED_HOST',
    );
  });
});

describe('a generation', () => {
  const generation = (value?: number): PinDocument =>
    decodeDocument({ 'a.test': one, ...(value === undefined ? {} : { $generation: value }) });

  it('may stay or grow, and may be anything where there was none', () => {
    for (const [next, floor] of [
      [5, 5],
      [6, 5],
      [0, undefined],
      [undefined, undefined],
    ] as const) {
      expect(() => refuseRollback(generation(next), floor)).not.to.throw();
    }
  });

  it('that is lower, or gone, is a rollback, and the text says how to go back on purpose', () => {
    for (const next of [4, 0, undefined]) {
      const error = thrownBy(
        () => refuseRollback(generation(next), 5),
        PinDocumentError,
        'ERR_DOCUMENT_ROLLBACK',
      );
      expect(error).to.include({ reason: 'rollback', key: '$generation' });
      expect(error.hint).to.contain('above 5');
    }
  });
});

describe('the change between two documents', () => {
  const change = (previous: object, next: object): unknown =>
    compareDocuments(decodeDocument(previous), decodeDocument(next));

  it('names the keys that came, went and changed', () => {
    expect(
      change(
        { 'a.test': one, 'b.test': one, 'c.test': one },
        { 'b.test': one, 'c.test': two, 'd.test': one },
      ),
    ).to.deep.equal({ added: ['d.test'], removed: ['a.test'], changed: ['c.test'] });
  });

  it('is none where only order, labels of equal rows or notes are different', () => {
    expect(change({ 'a.test': one, 'b.test': two }, { 'b.test': two, 'a.test': one })).to.equal(undefined);
    expect(change({ 'a.test': one }, { 'a.test': one, $note: 'x', '$x-y': 1, $generation: 9 })).to.equal(
      undefined,
    );
  });

  for (const [title, next] of [
    ['a mode', { 'a.test': `${one} mode=report` }],
    ['an until', { 'a.test': `${one} until=2099-01-01` }],
    ['another row of the key', { 'a.test': one, 'a.test#x': two }],
    ['none', { 'a.test': 'none' }],
  ] as const) {
    it(`is one where ${title} is new`, () => {
      expect(change({ 'a.test': one }, next)).to.deep.equal({ added: [], removed: [], changed: ['a.test'] });
    });
  }

  it('is one without keys where only $revoked or $expires is different', () => {
    const nothing = { added: [], removed: [], changed: [] };
    expect(change({ 'a.test': one }, { 'a.test': one, $revoked: two })).to.deep.equal(nothing);
    expect(change({ 'a.test': one, $expires: '2099-01-01' }, { 'a.test': one })).to.deep.equal(nothing);
  });

  it('sees a key that is quarantined now', () => {
    expect(change({ 'b.test': one }, { 'b.test': one, 'a.test': 'nonsense' })).to.deep.equal({
      added: ['a.test'],
      removed: [],
      changed: [],
    });
  });
});
