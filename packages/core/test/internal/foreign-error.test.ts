import { expect } from 'chai';
import { foreignErrorLabel } from '#src/internal/foreign-error.js';

const withProperties = (properties: PropertyDescriptorMap): Error =>
  Object.defineProperties(new TypeError('canary'), properties);

describe("somebody else's error", () => {
  for (const [title, error, label] of [
    ['has a name and a code', withProperties({ code: { value: 'ERR_X' } }), 'TypeError ERR_X'],
    ['has a name only', new RangeError('canary'), 'RangeError'],
    ['has a code that is no text', withProperties({ code: { value: { canary: 1 } } }), 'TypeError'],
    ['has a name that is no text', withProperties({ name: { value: Symbol('canary') } }), 'Error'],
    ['has no name', withProperties({ name: { value: '' } }), 'Error'],
    ['has a name with a line feed', withProperties({ name: { value: 'a\nb' } }), 'a\\u000ab'],
    [
      'has getters that throw',
      withProperties({
        name: {
          get() {
            throw new Error('canary');
          },
        },
        code: {
          get() {
            throw new Error('canary');
          },
        },
      }),
      'Error',
    ],
    ['is none', 'canary', 'unknown error'],
    ['is nothing', undefined, 'unknown error'],
  ] as const) {
    it(`that ${title} is named, and nothing else of it`, () => {
      expect(foreignErrorLabel(error)).to.equal(label);
    });
  }
});
