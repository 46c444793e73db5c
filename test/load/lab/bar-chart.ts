/** How many of the values fall into each of so many equal parts of 0 to `end`; what is outside is in the last. */
export function bucketsOf(values: number[], count: number, end: number): number[] {
  const buckets = Array.from({ length: count }, () => 0);
  for (const value of values) {
    const index = Math.min(count - 1, Math.max(0, Math.floor((value / end) * count)));
    buckets[index] = (buckets[index] ?? 0) + 1;
  }
  return buckets;
}

/** A line for each bucket, with the time at which it begins. */
export function barChart(buckets: number[], endMs: number): string {
  const most = Math.max(...buckets, 1);
  const lines = buckets.map((count, index) => {
    const from = ((index * endMs) / buckets.length / 1_000).toFixed(1);
    return `  ${from.padStart(5)} s ${'#'.repeat(Math.round((count / most) * 40)).padEnd(40)} ${count}`;
  });
  return lines.join('\n');
}
