import { cpus } from 'node:os';

/** Lines of a table: the first column to the left, the others to the right. */
export function tableLines(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const cell = (text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]));
  return rows.map((row) => row.map(cell).join('   '));
}

/** `1.012 [0.998–1.031]` */
export function ratioText({ median, min, max }) {
  return `${median.toFixed(3)} [${min.toFixed(3)}–${max.toFixed(3)}]`;
}

/** What the numbers depend on. */
export function machineLine() {
  const [cpu] = cpus();
  return `Node ${process.versions.node}, OpenSSL ${process.versions.openssl}, ${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}`;
}

/** Two runs of the same thing differ by so much: what a ratio means, and whether it means anything. */
export function controlLine({ min, max }) {
  const spread = `control (plain B to plain A): ${min.toFixed(3)}–${max.toFixed(3)}`;
  return max - min > 0.2 ? `${spread}; the machine is too busy, no goal is judged` : spread;
}

/** One line for a goal; a control that is all over the place judges nothing. */
export function goalLine(text, isMet, control) {
  const verdict = control.max - control.min > 0.2 ? '?' : isMet ? 'met' : 'MISSED';
  return `goal: ${text}: ${verdict}`;
}
