import { expect } from 'chai';
import { createStaticProvider, revisionOf } from '#src/providers/static-provider.js';

describe('the static provider', () => {
  const { signal } = new AbortController();

  it('hands over the document from code', async () => {
    const provider = createStaticProvider({ 'a.test': 'none' });
    expect(provider.name).to.equal('static');
    expect(await provider.read({ signal })).to.deep.equal({
      document: { 'a.test': 'none' },
      revision: revisionOf({ 'a.test': 'none' }),
    });
    expect(createStaticProvider('{}', 'worker').name).to.equal('worker');
  });

  it('hands over another one after an update, under a revision of its own or the one given', async () => {
    const provider = createStaticProvider({ 'a.test': 'none' });
    const { revision } = await provider.read({ signal });
    provider.update({ 'a.test': 'block' });
    const second = await provider.read({ signal });
    expect(second).to.have.property('document').that.deep.equals({ 'a.test': 'block' });
    expect(second.revision).not.to.equal(revision);
    provider.update('{}', '42');
    expect(await provider.read({ signal })).to.deep.equal({ document: '{}', revision: '42' });
  });

  it('has equal revisions for equal text, bytes and objects, and one for what JSON cannot hold', () => {
    expect(revisionOf('{"a":1}')).to.equal(revisionOf({ a: 1 }));
    expect(revisionOf(Buffer.from('{"a":1}'))).to.equal(revisionOf({ a: 1 }));
    expect(revisionOf('{"a":2}')).not.to.equal(revisionOf({ a: 1 }));
    expect(revisionOf((): void => undefined)).to.match(/^[0-9a-f]{12}$/u);
  });
});
