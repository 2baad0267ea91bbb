const columns = ['pinned', 'refused', 'rotated', 'resumed', 'proxied'];
const marks = { works: '✓', no: '–', 'no server': '?', failed: '✗' };

/** One row per client: the cells that the tests have written, joined over the Nodes on which they say the same. */
function rows(cells, nodes) {
  const byClient = new Map();
  for (const cell of cells) {
    const row = byClient.get(cell.client) ?? new Map();
    byClient.set(cell.client, row.set(`${cell.cell} ${cell.node}`, cell));
  }
  return [...byClient].map(([client, row]) => ({
    client,
    cells: columns.map((column) => join(nodes.map((node) => ({ node, ...row.get(`${column} ${node}`) })))),
  }));
}

/** What a cell says: one thing for all Nodes, or one for each group of them. A cell that no test wrote is a failure. */
function join(cells) {
  const groups = new Map();
  for (const { node, outcome = 'failed', note = '' } of cells) {
    const text = outcome === 'works' ? '' : note;
    const key = `${marks[outcome]}\n${outcome === 'works' ? note : text}`;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  return [...groups].map(([key, nodes]) => {
    const [mark, note] = key.split('\n');
    return { mark, note, nodes: groups.size === 1 ? [] : nodes };
  });
}

// why a cell says no stands below the table
const inShort = (parts) =>
  parts
    .map(({ mark, note, nodes }) =>
      [mark, mark === marks.works ? note : '', ...nodes].filter(Boolean).join(' '),
    )
    .join(', ');

/** The table for a terminal, and below it why a cell says no. */
export function formatClients(cells, nodes) {
  const table = rows(cells, nodes);
  const width = Math.max(...table.map(({ client }) => client.length)) + 2;
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...table.map((row) => inShort(row.cells[index]).length)),
  );
  const line = (first, rest) =>
    `${first.padEnd(width)}${rest.map((text, index) => text.padEnd(widths[index] + 2)).join('')}`.trimEnd();
  const notes = new Map();
  for (const { client, cells: row } of table)
    for (const [index, parts] of row.entries())
      for (const { mark, note } of parts)
        if (mark !== marks.works && note) {
          const text = `${mark} ${columns[index]}: ${note}`;
          notes.set(text, [...(notes.get(text) ?? []), client]);
        }
  return [
    `clients on Node ${nodes.join(', ')}   (✓ works, – not to be had, ? no server here, ✗ failed)`,
    '',
    line('', columns),
    ...table.map((row) => line(row.client, row.cells.map(inShort))),
    '',
    ...[...notes].map(([text, clients]) => `${text} (${clients.join(', ')})`),
  ].join('\n');
}

/** The same as a page of the documentation. */
export function markdownClients(cells, versions) {
  const nodes = versions.map((version) => version.split('.')[0]);
  const cell = (parts) =>
    parts
      .map(({ mark, note, nodes: some }) =>
        [mark, note, some.length > 0 ? `(${some.join(', ')})` : ''].filter(Boolean).join(' '),
      )
      .join('; ');
  return [
    '# Clients, tried',
    '',
    `Written by \`pnpm test:clients --write\` on Node ${versions.join(', ')}: each cell is a test with a real client, and a`,
    'real server behind a TLS front that counts decrypted bytes (MongoDB, Kafka and WebSocket: a server of ours that is true',
    'to the wire). *Refused*: another key under the same CA and name, and 0 bytes of the client decrypted. *Rotated*: the new',
    'key is talked to, the removed one is not. *Resumed*: a client that is kept resumes its sessions while the pins accept the',
    'certificates that they were earned under, and not once those are removed: 0 bytes. *Proxied*: through a CONNECT proxy, or',
    'a SOCKS5 one, the target is pinned. How each client is set up: [clients.md](clients.md).',
    '',
    `| client | ${columns.join(' | ')} |`,
    `|---|${columns.map(() => '---|').join('')}`,
    ...rows(cells, nodes).map((row) => `| ${row.client} | ${row.cells.map(cell).join(' | ')} |`),
    '',
  ].join('\n');
}
