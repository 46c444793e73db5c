/** The nearest-rank percentile of numbers in ascending order: the least that `share` of them do not exceed. */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * ascending.length));
  return ascending[rank - 1] ?? Number.NaN;
}

export interface Latency {
  p50: number;
  p99: number;
}

/** Percentiles, in the unit of the samples. */
export function latencyOf(samples: readonly number[]): Latency {
  const ascending = Float64Array.from(samples).toSorted();
  return { p50: percentile(ascending, 0.5), p99: percentile(ascending, 0.99) };
}

/** Four alternating rounds, so that what drifts during a run (heat, neighbours) falls on both alike. */
export const ORDER = ['jobstream', 'bare', 'bare', 'jobstream'] as const;
export type Side = (typeof ORDER)[number];

/** What one side did in its rounds, added up. */
export interface Rounds {
  deliveries: number;
  cpuMicros: number;
  /** Milliseconds from `progress()` to the viewer's byte, one per delivery. */
  latencies: number[];
}

export interface Delivery extends Latency {
  deliveries: number;
  /** Microseconds of the server's CPU, user and system. */
  cpuPerDelivery: number;
  deliveriesPerCpuSecond: number;
}

export function deliveryOf({ deliveries, cpuMicros, latencies }: Rounds): Delivery {
  return {
    deliveries,
    ...latencyOf(latencies),
    cpuPerDelivery: cpuMicros / deliveries,
    deliveriesPerCpuSecond: (deliveries / cpuMicros) * 1e6,
  };
}

/** Bytes that each stream has added. */
export function perStream(open: number, base: number, streams: number): number {
  return (open - base) / streams;
}
