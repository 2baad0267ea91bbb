import { createHash, createHmac } from 'node:crypto';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The signature that AWS computes for a POST to `/` (Signature Version 4), from the headers that say they are signed. */
export function signatureOf(
  headers: Readonly<Record<string, string>>,
  body: string,
  secretAccessKey: string,
): string {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const authorization = lower.get('authorization') ?? '';
  const signed = /SignedHeaders=([^,]+)/u.exec(authorization)?.[1] ?? '';
  const scope = /Credential=[^/]+\/([^,]+)/u.exec(authorization)?.[1] ?? '';
  const lines = signed.split(';').map((name) => `${name}:${(lower.get(name) ?? '').trim()}\n`);
  const canonical = ['POST', '/', '', lines.join(''), signed, hash(body)].join('\n');
  const text = ['AWS4-HMAC-SHA256', lower.get('x-amz-date') ?? '', scope, hash(canonical)].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((each, part) => hmac(each, part), `AWS4${secretAccessKey}`);
  return hmac(key, text).toString('hex');
}
