import { parseArgs } from 'node:util';

/** Reads `--name=value` options; numbers are those whose default is one. @throws TypeError */
export function readArguments(defaults, choices = {}) {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' }]));
  const { values } = parseArgs({ options });
  const read = ([name, byDefault]) => {
    const text = values[name];
    if (text === undefined) return [name, byDefault];
    if (typeof byDefault === 'number') {
      if (!/^[1-9]\d{0,5}$/.test(text)) throw new TypeError(`--${name} must be a positive whole number`);
      return [name, Number(text)];
    }
    if (!choices[name].includes(text)) throw new TypeError(`--${name} is one of ${choices[name].join(', ')}`);
    return [name, text];
  };
  return Object.fromEntries(Object.entries(defaults).map(read));
}
