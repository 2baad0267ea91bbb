// The insides of the core that are measured on their own; the package exports none of them.
const inside = (path) => import(new URL(`../../../packages/core/dist/${path}.js`, import.meta.url));

export const { HostPatternMap } = await inside('policy/host-pattern');
export const { normaliseHost } = await inside('policy/host');
export const { Policy } = await inside('policy/policy');
export const { adoptDocument, compareDocuments } = await inside('resolver/adopt');
export const { RequiredHosts } = await inside('resolver/required-hosts');
