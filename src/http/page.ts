/** A page of a list that was read with one row more than asked, which tells whether there is a next one. */
export interface Page<Row> {
  rows: Row[];
  /** The id of the last row, from which the next page goes on; null on the last page. */
  nextCursor: string | null;
}

/** Reads one row more than `limit`, and answers the page without it. */
export async function readPage<Row extends { id: string }>(
  limit: number,
  read: (rows: number) => Promise<Row[]>,
): Promise<Page<Row>> {
  const found = await read(limit + 1);
  const rows = found.slice(0, limit);
  return { rows, nextCursor: found.length > limit ? (rows.at(-1)?.id ?? null) : null };
}
