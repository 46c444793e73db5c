/** The contenders: Jobstream, a minimal route of Nest, and a loop without Nest. */
export const SIDES = ['jobstream', 'nest', 'bare'] as const;
export type Side = (typeof SIDES)[number];

/**
 * Each side twice, forwards and backwards, so that a drift during a repeat (heat, other processes) affects all sides
 * alike.
 */
export const ORDER: readonly Side[] = [...SIDES, ...SIDES.toReversed()];

/**
 * The nearest-rank percentile of ascending numbers: the smallest number that at least `share` of them do not exceed.
 */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * ascending.length));
  return ascending[rank - 1] ?? Number.NaN;
}

/** The median of the repeats, with minimum and maximum. */
export interface Spread {
  median: number;
  least: number;
  most: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const ascending = values.toSorted((a, b) => a - b);
  return { median: percentile(ascending, 0.5), least: ascending[0] ?? NaN, most: ascending.at(-1) ?? NaN };
}

/** The sums over the rounds of one side. */
export interface Rounds {
  deliveries: number;
  cpuMicros: number;
  /** Milliseconds from `progress()` to the arrival at the viewer, one per delivery. */
  latencies: number[];
}

export interface Delivery {
  deliveries: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Microseconds of the server's CPU, user and system. */
  cpuPerDelivery: number;
  deliveriesPerCpuSecond: number;
}

export function deliveryOf({ deliveries, cpuMicros, latencies }: Rounds): Delivery {
  const ascending = Float64Array.from(latencies).toSorted();
  return {
    deliveries,
    p50: percentile(ascending, 0.5),
    p99: percentile(ascending, 0.99),
    cpuPerDelivery: cpuMicros / deliveries,
    deliveriesPerCpuSecond: (deliveries / cpuMicros) * 1e6,
  };
}

/** Bytes per added stream. */
export function perStream(open: number, base: number, streams: number): number {
  return (open - base) / streams;
}
