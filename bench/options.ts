export interface BenchOptions {
  adapter: 'fastify' | 'express';
  /** Open streams at which deliveries are measured, ascending. */
  viewers: number[];
  /** Open streams at which memory is measured; 0 skips it. */
  memory: number;
  /** How often every measurement is repeated. */
  repeat: number;
  /** Length of a round. Every repeat has two rounds per side. */
  seconds: number;
  /** Folder for the servers' CPU profiles; null for none. */
  profile: string | null;
}

/** What the command line gives, with its defaults. */
type Given = Record<'adapter' | 'viewers' | 'memory' | 'repeat' | 'seconds', string> & { profile?: string };

/** Reads the arguments; throws an error that says what is wrong. */
export function readOptions(values: Given): BenchOptions {
  const { adapter, profile = null } = values;
  if (adapter !== 'fastify' && adapter !== 'express')
    throw new Error('--adapter must be fastify or express.');
  const viewers = values.viewers.split(',').map(Number);
  const ascending = viewers.every((count, index) => isCount(count) && count > (viewers[index - 1] ?? 0));
  if (!ascending) throw new Error('--viewers must be whole numbers from 1 to 15000, ascending.');
  const memory = Number(values.memory);
  if (memory !== 0 && !isCount(memory)) throw new Error('--memory must be a whole number up to 15000.');
  const repeat = Number(values.repeat);
  if (!isCount(repeat)) throw new Error('--repeat must be a whole number from 1.');
  const seconds = Number(values.seconds);
  if (!(seconds > 0 && seconds <= 60)) throw new Error('--seconds must be more than 0 and at most 60.');
  return { adapter, viewers, memory, repeat, seconds, profile };
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 15_000;
}
