import { cpus } from 'node:os';
import { type Contender, Lab } from './lab.ts';
import { measureDeliveries, measureMemory, type MemoryResult, type SizeResult, warmUp } from './measure.ts';
import type { BenchOptions } from './options.ts';
import { deliveriesTable, memoryTable } from './report.ts';
import type { Side } from './statistics.ts';

/** Runs the bench that the options ask for; resolves to the exit code. */
export async function main(options: BenchOptions): Promise<number> {
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? '', cores: cpus().length };
  print(`Jobstream compared with a bare @Sse() route (both on ${options.adapter}) and a bare node:http loop`);
  print(`${JSON.stringify(machine)}; ${options.repeat} repeats: medians, and minimum and maximum of ratios`);
  const lab = await Lab.start(options.adapter);
  try {
    const memory = options.memory > 0 ? await memoryOf(lab, options) : null;
    const deliveries = await deliveriesOf(lab, options);
    print(JSON.stringify({ at: new Date().toISOString(), machine, options, memory, deliveries }));
    return 0;
  } finally {
    await lab.stop();
  }
}

async function memoryOf(lab: Lab, { memory: streams, repeat }: BenchOptions): Promise<MemoryResult> {
  const result: MemoryResult = { streams, repeats: [] };
  for (let turn = 0; turn < repeat; turn += 1)
    result.repeats.push(await withContenders(lab, null, (contenders) => measureMemory(contenders, streams)));
  print(`\n${memoryTable(result)}`);
  return result;
}

async function deliveriesOf(lab: Lab, options: BenchOptions): Promise<SizeResult[]> {
  const { viewers, seconds, repeat, profile } = options;
  const results = await withContenders(lab, profile, async (contenders) => {
    const sizes: SizeResult[] = [];
    for (const count of viewers) {
      const size: SizeResult = { viewers: count, repeats: [] };
      await warmUp(lab, contenders, count);
      for (let turn = 0; turn < repeat; turn += 1)
        size.repeats.push(await measureDeliveries(lab, contenders, seconds));
      sizes.push(size);
    }
    return sizes;
  });
  print(`\n${deliveriesTable(results)}\n`);
  return results;
}

/** Measures on new servers, which are stopped afterwards. */
async function withContenders<Result>(
  lab: Lab,
  profile: string | null,
  measure: (contenders: Record<Side, Contender>) => Promise<Result>,
): Promise<Result> {
  const contenders = await lab.contenders(profile);
  try {
    return await measure(contenders);
  } finally {
    for (const contender of Object.values(contenders)) {
      await contender.stop();
      await lab.finish(contender.job);
    }
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
