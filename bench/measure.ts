import { setTimeout as delay } from 'node:timers/promises';
import type { Contender, Lab } from './lab.ts';
import { type Delivery, deliveryOf, ORDER, perStream, type Rounds, type Side, SIDES } from './statistics.ts';

/** Pause between two reports: longer than the coalescer's interval, so that each is sent at once. */
const GAP_MS = 15;
const LEAST_TICKS = 3;
const WARM_UP_TICKS = 5;
/**
 * Streams opened before memory is measured, so that one-time costs such as compiled code are not counted per stream.
 */
const WARM_UP_STREAMS = 100;
const IDLE_MS = 3_000;

export interface SizeResult {
  viewers: number;
  repeats: Record<Side, Delivery>[];
}

/** The cost of one idle stream. */
export interface IdleCost {
  /** Bytes. */
  rss: number;
  heapUsed: number;
  /** Microseconds of CPU per second for all idle streams together. */
  idleCpuMicros: number;
}

export interface MemoryResult {
  streams: number;
  repeats: Record<Side, IdleCost>[];
}

interface Memory {
  rss: number;
  heapUsed: number;
}

type Contenders = Record<Side, Contender>;

/** Opens streams up to this number, and makes each server write to them until it is warm. */
export async function warmUp(lab: Lab, contenders: Contenders, viewers: number): Promise<void> {
  for (const side of SIDES) {
    await contenders[side].openUntil(viewers);
    await playTicks(lab, contenders[side], { ticks: WARM_UP_TICKS, seconds: 0 });
    await contenders[side].takeLatencies();
  }
}

/** Sends one report at a time, the next one when every viewer has received it. Rounds alternate between the sides. */
export async function measureDeliveries(
  lab: Lab,
  contenders: Contenders,
  seconds: number,
): Promise<Record<Side, Delivery>> {
  const rounds: Record<Side, Rounds> = { jobstream: noRounds(), nest: noRounds(), bare: noRounds() };
  for (const side of ORDER) await playRound(lab, contenders[side], rounds[side], seconds);
  return {
    jobstream: deliveryOf(rounds.jobstream),
    nest: deliveryOf(rounds.nest),
    bare: deliveryOf(rounds.bare),
  };
}

async function playRound(lab: Lab, contender: Contender, rounds: Rounds, seconds: number): Promise<void> {
  const before = await cpuOf(contender);
  await playTicks(lab, contender, { ticks: LEAST_TICKS, seconds });
  rounds.cpuMicros += (await cpuOf(contender)) - before;
  const latencies = await contender.takeLatencies();
  rounds.deliveries += latencies.length;
  for (const latency of latencies) rounds.latencies.push(latency);
}

/** Reports progress for `seconds`, and at least `ticks` times. */
async function playTicks(
  lab: Lab,
  contender: Contender,
  { ticks, seconds }: { ticks: number; seconds: number },
): Promise<void> {
  const until = performance.now() + seconds * 1_000;
  for (let tick = 1; tick <= ticks || performance.now() < until; tick += 1) {
    await delay(GAP_MS);
    const [problem] = await Promise.all([contender.drained(), lab.tick(contender.job, tick, 1_000_000)]);
    if (problem !== null) throw new Error(`Frame ${tick} did not reach every viewer once: ${problem}.`);
  }
}

/** Measures the cost of idle streams. The contenders must be new. */
export async function measureMemory(
  contenders: Contenders,
  streams: number,
): Promise<Record<Side, IdleCost>> {
  return {
    bare: await idleCostOf(contenders.bare, streams),
    nest: await idleCostOf(contenders.nest, streams),
    jobstream: await idleCostOf(contenders.jobstream, streams),
  };
}

async function idleCostOf(contender: Contender, streams: number): Promise<IdleCost> {
  await contender.openUntil(WARM_UP_STREAMS);
  const base = await contender.server.ask<Memory>('memory');
  await contender.openUntil(WARM_UP_STREAMS + streams);
  const open = await contender.server.ask<Memory>('memory');
  const before = await cpuOf(contender);
  await delay(IDLE_MS);
  return {
    rss: perStream(open.rss, base.rss, streams),
    heapUsed: perStream(open.heapUsed, base.heapUsed, streams),
    idleCpuMicros: ((await cpuOf(contender)) - before) / (IDLE_MS / 1_000),
  };
}

function noRounds(): Rounds {
  return { deliveries: 0, cpuMicros: 0, latencies: [] };
}

async function cpuOf({ server }: Contender): Promise<number> {
  return (await server.ask<{ micros: number }>('cpu')).micros;
}
