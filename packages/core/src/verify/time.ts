import { DerError, type DerElement } from '../pin/der.js';

const utcTime = 0x17;
const generalizedTime = 0x18;
const zulu = 0x5a;

/** UTCTime or GeneralizedTime in the only forms that RFC 5280 §4.1.2.5 allows: to the second, in UTC. @throws DerError */
export function readTime(der: Uint8Array, { tag, start, contentStart, end }: DerElement): number {
  const yearDigits = tag === utcTime ? 2 : 4;
  if (tag !== utcTime && tag !== generalizedTime) throw new DerError(`no time at ${start}`);
  if (end - contentStart !== yearDigits + 11 || der[end - 1] !== zulu)
    throw new DerError(`malformed time at ${start}`);
  const pair = (index: number, min: number, max: number): number => {
    const value = twoDigits(der, contentStart + index);
    if (value < min || value > max) throw new DerError(`malformed time at ${start}`);
    return value;
  };
  const first = pair(0, 0, 99);
  // RFC 5280 §4.1.2.5.1: two digits from 50 on are 19xx.
  const year = yearDigits === 4 ? first * 100 + pair(2, 0, 99) : first + (first >= 50 ? 1_900 : 2_000);
  const at = yearDigits;
  const [month, day] = [pair(at, 1, 12), pair(at + 2, 1, 31)];
  return Date.UTC(year, month - 1, day, pair(at + 4, 0, 23), pair(at + 6, 0, 59), pair(at + 8, 0, 59));
}

function twoDigits(der: Uint8Array, offset: number): number {
  const [tens, ones] = [digit(der, offset), digit(der, offset + 1)];
  return tens * 10 + ones;
}

function digit(der: Uint8Array, offset: number): number {
  const value = Number(der[offset]) - 0x30;
  if (!(value >= 0 && value <= 9)) throw new DerError(`malformed time at ${offset}`);
  return value;
}
