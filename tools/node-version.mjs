// Read by any Node that knows modules: no newer syntax here, or an old one reports a syntax error instead of its age.

/** A sentence to act on when this Node is too old, else undefined. */
export function tooOldNode(version) {
  const parts = version.split('.').map(Number);
  if (parts[0] > 20 || (parts[0] === 20 && parts[1] >= 19)) return undefined;
  return (
    'pinvault needs Node 20.19 or newer, and this is Node ' +
    version +
    '. Install a newer one (https://nodejs.org) and run this again.'
  );
}
