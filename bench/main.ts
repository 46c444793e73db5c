import { cpus } from 'node:os';
import { type Contender, Lab } from './lab.ts';
import { measureDeliveries, measureMemory, type MemoryResult, type SizeResult } from './measure.ts';
import { type BenchOptions, readOptions, USAGE } from './options.ts';
import { deliveriesTable, memoryTable } from './report.ts';
import type { Side } from './statistics.ts';

/** Runs the bench that the arguments ask for; resolves to the exit code. */
export async function main(args: string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = readOptions(args);
  } catch (error) {
    print(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? '', cores: cpus().length };
  print(`Jobstream (${options.adapter}) / bare node:http = ratio; ${JSON.stringify(machine)}`);
  const lab = await Lab.start(options.adapter);
  try {
    const memory = options.memory > 0 ? await memoryOf(lab, options.memory) : null;
    const deliveries = await deliveriesOf(lab, options);
    print(JSON.stringify({ at: new Date().toISOString(), machine, options, memory, deliveries }));
    return 0;
  } finally {
    await lab.stop();
  }
}

async function memoryOf(lab: Lab, streams: number): Promise<MemoryResult> {
  const result = await withContenders(lab, null, (contenders) => measureMemory(contenders, streams));
  print(`\n${memoryTable(result)}`);
  return result;
}

async function deliveriesOf(lab: Lab, { viewers, seconds, profile }: BenchOptions): Promise<SizeResult[]> {
  const results = await withContenders(lab, profile, async (contenders) => {
    const sizes: SizeResult[] = [];
    for (const count of viewers) sizes.push(await measureDeliveries(lab, contenders, count, seconds));
    return sizes;
  });
  print(`\n${deliveriesTable(results)}\n`);
  return results;
}

/** Measures on two fresh servers, which are stopped afterwards. */
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
