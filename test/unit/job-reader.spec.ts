import { setImmediate as settled } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Events } from '../../src/events/events.ts';
import { encodeFrame, type TickFrame } from '../../src/publish/frame.ts';
import { redisKeys } from '../../src/redis/keys.ts';
import type { RedisConnections } from '../../src/redis/redis-connections.ts';
import type { JobStore } from '../../src/store/job-store.ts';
import { JobReader } from '../../src/stream/job-reader.ts';
import { ReadFaults } from '../../src/stream/read-faults.ts';
import { eventually } from '../support/eventually.ts';

const FRAME: TickFrame = { cursor: { version: 2, tick: 7 }, type: 'progress', data: '{"progress":{}}' };

/** Reads from a Redis that answers each command when the test says so. */
function readingFrom(status: string) {
  const asked: ((texts: string[]) => void)[] = [];
  const mget = (): Promise<string[]> => new Promise((resolve) => asked.push(resolve));
  const redis = { keys: redisKeys('test'), command: { status, mget } } as unknown as RedisConnections;
  const reader = new JobReader({} as JobStore, redis, new ReadFaults(new Events()));
  return { reader, asked };
}

describe('the newest frame that Redis has', () => {
  it('is told from none', async () => {
    const { reader, asked } = readingFrom('ready');
    const frames = Promise.all([reader.lastFrame('a'), reader.lastFrame('b')]);
    await eventually(() => expect(asked).toHaveLength(1));
    asked[0]?.([encodeFrame(FRAME)]);
    expect(await frames).toEqual([FRAME, null]);
  });

  it('is not known while Redis is away', async () => {
    const { reader, asked } = readingFrom('reconnecting');
    expect(await reader.lastFrame('a')).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('is not known while Redis owes an answer, which is waited for once, and asked for again after it', async () => {
    const { reader, asked } = readingFrom('ready');
    expect(await reader.lastFrame('a')).toBeUndefined();
    expect(await reader.lastFrame('a')).toBeUndefined();
    expect(asked).toHaveLength(1);

    asked[0]?.([]);
    await settled();
    const frame = reader.lastFrame('a');
    await eventually(() => expect(asked).toHaveLength(2));
    asked[1]?.([encodeFrame(FRAME)]);
    expect(await frame).toEqual(FRAME);
  });
});
