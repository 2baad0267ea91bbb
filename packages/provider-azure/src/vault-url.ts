/** Reads the address of a vault, or says what is wrong with it; the text never holds the address itself. */
export function parseVaultUrl(text: unknown): URL | { readonly problem: string } {
  let url: URL;
  try {
    if (typeof text !== 'string') throw new TypeError('no text');
    url = new URL(text);
  } catch {
    return { problem: 'is no address, such as https://NAME.vault.azure.net' };
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return { problem: 'does not begin with https://, as in https://NAME.vault.azure.net' };
  if (url.username !== '' || url.password !== '')
    return { problem: 'holds a user name: who may read is the business of azure.credential' };
  if (url.search !== '' || url.hash !== '') return { problem: 'holds a query: give the address alone' };
  if (url.pathname !== '/')
    return {
      problem: "holds a path: give the vault's address alone, the secret's name goes into azure.secretName",
    };
  return url;
}

/** The vault's own name, as the `az` command takes it. */
export function vaultNameOf(host: string): string {
  return /^([0-9a-z-]+)\.vault\./iu.exec(host)?.[1] ?? 'NAME';
}
