/** Rows to set; `null` deletes one. */
export type Edit = Readonly<Record<string, string | null>>;

/** Where the operator keeps the pins. */
export interface DemoVault {
  /** One line for people. */
  readonly description: string;
  readonly address: string;
  readonly token: string;
  /** `<mount>/<path>` of the document. */
  readonly path: string;
  /** What the operator does in the vault's UI: changes some rows and saves. */
  edit(edit: Edit): Promise<void>;
  /** The vault is gone, as after a crash. */
  die(): Promise<void>;
  /** Ends what is left of it. Idempotent. */
  close(): Promise<void>;
}

/** The rows after an edit. */
export function editedRows(rows: Readonly<Record<string, unknown>>, edit: Edit): Record<string, unknown> {
  const edited = new Map(Object.entries(rows));
  for (const [key, value] of Object.entries(edit)) {
    if (value === null) edited.delete(key);
    else edited.set(key, value);
  }
  return Object.fromEntries(edited);
}
