/** Purges in batches, none of which holds its locks for long, until one is not full; resolves to the number of rows. */
export async function inBatches(size: number, purge: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const purged = await purge();
    total += purged;
    if (purged < size) return total;
  }
}
