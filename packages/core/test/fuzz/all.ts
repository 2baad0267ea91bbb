import { certificateProperties } from './certificates.js';
import { documentProperties } from './documents.js';
import { patternProperties } from './patterns.js';
import { pinProperties } from './pins.js';
import { type Property, report } from './property.js';

/** Everything that is fuzzed; also what tools/fuzz.mjs imports. */
export const properties: readonly Property[] = [
  ...pinProperties,
  ...patternProperties,
  ...documentProperties,
  ...certificateProperties,
];

export { report };
