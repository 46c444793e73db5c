import type { ChainableCommander } from 'ioredis';

/** Sends a pipeline; resolves to the number of its commands that failed, and never rejects. */
export async function sendAll(pipeline: ChainableCommander): Promise<number> {
  try {
    const results = (await pipeline.exec()) ?? [];
    return results.filter(([error]) => error !== null).length;
  } catch {
    return pipeline.length;
  }
}
