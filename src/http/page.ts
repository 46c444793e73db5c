/**
 * Reads one row more than `limit` to find out whether there is a next page, and returns the page without that row.
 * `nextCursor` is the id of the page's last row; null on the last page.
 */
export async function readPage<Row extends { id: string }>(
  limit: number,
  read: (rows: number) => Promise<Row[]>,
): Promise<{ rows: Row[]; nextCursor: string | null }> {
  const found = await read(limit + 1);
  const rows = found.slice(0, limit);
  return { rows, nextCursor: found.length > limit ? (rows.at(-1)?.id ?? null) : null };
}
