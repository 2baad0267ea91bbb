import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './paths.mjs';
import { exitWith, StepFailed } from './steps.mjs';
import { build } from './workspace.mjs';

const slipsFile = join(root, 'packages/core/test/fixtures/slips.json');
const documentFile = join(root, 'docs/document.md');
const begin = '<!-- slips: node tools/document-doc.mjs -->';

/** Fails where docs/document.md or the messages of the tests are not what the core says now. */
export async function checkDocumentDoc() {
  const { slips, text, count } = await written();
  const inSync =
    slips === (await readFile(slipsFile, 'utf8')) && text === (await readFile(documentFile, 'utf8'));
  if (!inSync) throw new StepFailed('docs/document.md is not in sync: node tools/document-doc.mjs');
  return `${count} slips`;
}

async function written() {
  const { decodeDocument } = await import(pathToFileURL(join(root, 'packages/core/dist/index.js')).href);
  const groups = JSON.parse(await readFile(slipsFile, 'utf8'));
  for (const slips of Object.values(groups)) {
    for (const slip of slips) slip.message = messageOf(decodeDocument, slip);
  }
  const document = await readFile(documentFile, 'utf8');
  const end = document.indexOf(begin);
  if (end === -1) throw new StepFailed(`docs/document.md has no line ${begin}`);
  const tables = Object.entries(groups).map(([title, slips]) => tableOf(title, slips));
  return {
    slips: `${JSON.stringify(groups, undefined, 2)}\n`,
    text: `${document.slice(0, end)}${begin}\n\n${tables.join('\n\n')}\n`,
    count: Object.values(groups).flat().length,
  };
}

function messageOf(decodeDocument, { value, key, text }) {
  const good = { 'ok.example.com': 'none' };
  const raw =
    text ?? (key === undefined ? { ...good, 'api.example.com': value } : { ...good, [key]: 'none' });
  try {
    const [row] = decodeDocument(raw).badRows;
    if (row !== undefined) return row.message;
  } catch (error) {
    return error.message;
  }
  throw new StepFailed(`no slip any more: ${JSON.stringify(raw)}`);
}

function tableOf(title, slips) {
  const rows = slips.map(({ title: slip, message }) => `| ${slip} | ${escaped(shortened(message))} |`);
  return [`### ${title}`, '', '| what was written | what is said |', '|---|---|', ...rows].join('\n');
}

// What all messages of a table begin with says nothing in it.
const shortened = (message) =>
  message
    .replace(/^ERR_DOCUMENT_MALFORMED: (?=the key)/, '')
    .replace(/^ERR_PIN_\w+: row "api\.example\.com"(?:, |: )/, '');

const escaped = (text) =>
  text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*').replaceAll('_', '\\_');

if (process.argv[1] === import.meta.filename) {
  void exitWith(async () => {
    await build();
    const { slips, text } = await written();
    await writeFile(slipsFile, slips);
    await writeFile(documentFile, text);
  });
}
