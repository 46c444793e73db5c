/** How many of the values fall into each part of this width, from 0 to the last of them. */
export function bucketsOf(values: number[], width: number): number[] {
  const buckets: number[] = [];
  for (const value of values) {
    const index = Math.floor(value / width);
    while (buckets.length <= index) buckets.push(0);
    buckets[index] = (buckets[index] ?? 0) + 1;
  }
  return buckets;
}

/** A line for each bucket, with the time at which it begins. */
export function barChart(buckets: number[], widthMs: number): string {
  const most = Math.max(...buckets, 1);
  const lines = buckets.map((count, index) => {
    const from = ((index * widthMs) / 1_000).toFixed(1);
    return `  ${from.padStart(5)} s ${'#'.repeat(Math.round((count / most) * 40)).padEnd(40)} ${count}`;
  });
  return lines.join('\n');
}
