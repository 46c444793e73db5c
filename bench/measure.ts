import { setTimeout as delay } from 'node:timers/promises';
import type { Contender, Lab } from './lab.ts';
import { type Delivery, deliveryOf, ORDER, perStream, type Rounds, type Side } from './statistics.ts';

/** Between two reports: more than the coalescer's interval, so that each goes out at once. */
const GAP_MS = 15;
const LEAST_TICKS = 3;
const WARM_UP_TICKS = 5;
/** Streams that come and go before memory is measured: code that is compiled once is not theirs. */
const WARM_UP_STREAMS = 100;
const IDLE_MS = 3_000;

export interface SizeResult {
  viewers: number;
  sides: Record<Side, Delivery>;
}

export interface MemoryResult {
  streams: number;
  /** Bytes per idle stream. */
  sides: Record<Side, { rss: number; heapUsed: number }>;
  /** Microseconds of CPU that a second of so many idle streams takes. */
  idleCpu: Record<Side, number>;
}

interface Memory {
  rss: number;
  heapUsed: number;
}

/** One report at a time, the next when every viewer has had the one before; in alternating rounds. */
export async function measureDeliveries(
  lab: Lab,
  contenders: Record<Side, Contender>,
  viewers: number,
  seconds: number,
): Promise<SizeResult> {
  const rounds: Record<Side, Rounds> = { jobstream: noRounds(), bare: noRounds() };
  for (const side of ['bare', 'jobstream'] as const) {
    await contenders[side].openUntil(viewers);
    await playTicks(lab, contenders[side], { ticks: WARM_UP_TICKS, seconds: 0 });
    await contenders[side].takeLatencies();
  }
  for (const side of ORDER) await playRound(lab, contenders[side], rounds[side], seconds);
  return {
    viewers,
    sides: { jobstream: deliveryOf(rounds.jobstream), bare: deliveryOf(rounds.bare) },
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

/** Reports progress for so long, and at least so often. */
async function playTicks(
  lab: Lab,
  contender: Contender,
  { ticks, seconds }: { ticks: number; seconds: number },
): Promise<void> {
  const until = performance.now() + seconds * 1_000;
  for (let tick = 1; tick <= ticks || performance.now() < until; tick += 1) {
    await delay(GAP_MS);
    const [complete] = await Promise.all([contender.drained(), lab.tick(contender.job, tick, 1_000_000)]);
    if (!complete)
      throw new Error(`Not every one of ${contender.open} viewers has had frame ${tick} exactly once.`);
  }
}

/** What idle streams take; the contenders must be fresh. */
export async function measureMemory(
  contenders: Record<Side, Contender>,
  streams: number,
): Promise<MemoryResult> {
  const sides = {} as MemoryResult['sides'];
  const idleCpu = {} as MemoryResult['idleCpu'];
  for (const side of ['bare', 'jobstream'] as const) {
    const contender = contenders[side];
    await contender.openUntil(WARM_UP_STREAMS);
    const base = await contender.server.ask<Memory>('memory');
    await contender.openUntil(WARM_UP_STREAMS + streams);
    const open = await contender.server.ask<Memory>('memory');
    sides[side] = {
      rss: perStream(open.rss, base.rss, streams),
      heapUsed: perStream(open.heapUsed, base.heapUsed, streams),
    };
    const before = await cpuOf(contender);
    await delay(IDLE_MS);
    idleCpu[side] = ((await cpuOf(contender)) - before) / (IDLE_MS / 1_000);
  }
  return { streams, sides, idleCpu };
}

function noRounds(): Rounds {
  return { deliveries: 0, cpuMicros: 0, latencies: [] };
}

async function cpuOf({ server }: Contender): Promise<number> {
  return (await server.ask<{ micros: number }>('cpu')).micros;
}
