import { createHash } from 'node:crypto';

const hostOf = (index) => {
  const kind = index % 10;
  if (kind < 7) return `h${index}.svc${index % 100}.example.com`;
  return kind < 9 ? `*.w${index}.example.com` : `**.d${index}.example.com`;
};

/** Text of a document with one pin for each of many hosts; another `salt` is another pin for one host in a hundred. */
export function largeDocument(hosts, salt = '') {
  const pin = (index) => {
    const own = index % 100 === 0 ? salt : '';
    return `sha256/${createHash('sha256').update(`${index}${own}`).digest('base64')}`;
  };
  return JSON.stringify(
    Object.fromEntries(Array.from({ length: hosts }, (_, index) => [hostOf(index), pin(index)])),
  );
}
