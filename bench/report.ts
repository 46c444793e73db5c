import type { MemoryResult, SizeResult } from './measure.ts';

const fixed = (digits: number) => (value: number) => value.toFixed(digits);
const whole = fixed(0);

/** `jobstream / bare = ratio`. */
function beside(jobstream: number, bare: number, show: (value: number) => string): string {
  return `${show(jobstream)} / ${show(bare)} = ${(jobstream / bare).toFixed(2)}`;
}

/** Rows of cells in columns of equal width; the first row names them. */
export function table(rows: string[][]): string {
  const widths =
    rows[0]?.map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('   '))
    .join('\n');
}

export function deliveriesTable(results: SizeResult[]): string {
  const rows = results.map(({ viewers, sides: { jobstream, bare } }) => [
    String(viewers),
    beside(jobstream.p50, bare.p50, fixed(2)),
    beside(jobstream.p99, bare.p99, fixed(2)),
    beside(jobstream.cpuPerDelivery, bare.cpuPerDelivery, fixed(1)),
    beside(jobstream.deliveriesPerCpuSecond, bare.deliveriesPerCpuSecond, whole),
  ]);
  return table([['viewers', 'p50 ms', 'p99 ms', 'CPU µs per delivery', 'deliveries per CPU s'], ...rows]);
}

export function memoryTable({ streams, sides: { jobstream, bare }, idleCpu }: MemoryResult): string {
  return table([
    ['idle streams', 'RSS B per stream', 'heap B per stream', 'CPU ms per idle s'],
    [
      String(streams),
      beside(jobstream.rss, bare.rss, whole),
      beside(jobstream.heapUsed, bare.heapUsed, whole),
      beside(idleCpu.jobstream / 1_000, idleCpu.bare / 1_000, fixed(1)),
    ],
  ]);
}
