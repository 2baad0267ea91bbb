import { runChild } from '@pinvault/testing';
import { expect } from 'chai';

describe('loading @pinvault/node', () => {
  it('brings along neither the built-in fetch nor HTTP/2, which cost a start more than all of it', async () => {
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `
      const before = new Set(process.moduleLoadList);
      await import('@pinvault/node');
      const brought = process.moduleLoadList.filter((name) => !before.has(name));
      console.log(brought.includes('NativeModule https'), brought.filter((name) => /undici|http2/.test(name)));
      `,
    );
    expect([code, output]).to.deep.equal([0, 'true []\n']);
  });
});
