import { type MemoryResult, type SizeResult } from './measure.ts';
import { type Side, SIDES, spreadOf } from './statistics.ts';

const NAMES: Record<Side, string> = { jobstream: 'Jobstream', nest: 'bare @Sse()', bare: 'bare node:http' };

/** Formats rows as a table with aligned columns. The first row is the header. */
export function table(rows: string[][]): string {
  const widths =
    rows[0]?.map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('   '))
    .join('\n');
}

export function deliveriesTable(results: SizeResult[]): string {
  const rows = results.flatMap(({ viewers, repeats }) =>
    SIDES.map((side) => [
      String(viewers),
      NAMES[side],
      median(repeats, (sides) => sides[side].p50, 2),
      median(repeats, (sides) => sides[side].p99, 2),
      median(repeats, (sides) => sides[side].cpuPerDelivery, 1),
      median(repeats, (sides) => sides[side].deliveriesPerCpuSecond, 0),
      besideBare(repeats, side, (measured) => measured.deliveriesPerCpuSecond),
    ]),
  );
  return table([
    ['viewers', '', 'p50 ms', 'p99 ms', 'CPU µs per delivery', 'deliveries per CPU s', 'beside bare'],
    ...rows,
  ]);
}

export function memoryTable({ streams, repeats }: MemoryResult): string {
  const rows = SIDES.map((side) => [
    String(streams),
    NAMES[side],
    median(repeats, (sides) => sides[side].rss, 0),
    median(repeats, (sides) => sides[side].heapUsed, 0),
    median(repeats, (sides) => sides[side].idleCpuMicros / 1_000, 1),
    besideBare(repeats, side, (measured) => measured.rss),
  ]);
  return table([
    ['idle streams', '', 'RSS B per stream', 'heap B per stream', 'CPU ms per idle s', 'RSS beside bare'],
    ...rows,
  ]);
}

function median<Sides>(repeats: Sides[], figure: (sides: Sides) => number, digits: number): string {
  return spreadOf(repeats.map(figure)).median.toFixed(digits);
}

/** The ratio to the bare loop in the same repeat: median, minimum and maximum. */
function besideBare<Measured>(
  repeats: Record<Side, Measured>[],
  side: Side,
  figure: (measured: Measured) => number,
): string {
  const ratios = repeats.map((sides) => figure(sides[side]) / figure(sides.bare));
  const { median: middle, least, most } = spreadOf(ratios);
  return side === 'bare' ? '' : `${middle.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`;
}
