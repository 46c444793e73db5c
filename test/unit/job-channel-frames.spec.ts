import { describe, expect, it } from '@jest/globals';
import { formatCursor, START } from '../../src/job/cursor.ts';
import { encodeFrame, encodeNudge } from '../../src/publish/frame.ts';
import { openActive, openChannel, settled, tick } from '../support/job-channel.ts';

describe('progress through the channel', () => {
  it('is shown as it comes, ids going up', async () => {
    const { channel, seen } = await openActive();
    for (const cursor of ['2.1', '2.2', '2.2', '2.1', '2.3']) channel.onMessage(encodeFrame(tick(cursor)));
    expect(seen).toEqual(['2.1 progress', '2.2 progress', '2.3 progress']);
    expect(formatCursor(channel.progress?.cursor ?? START)).toBe('2.3');
  });

  it('that overtakes the nudge of its claim waits for the row', async () => {
    const { reader, channel, seen } = openChannel();
    await channel.refresh();
    reader.move('active');
    channel.onMessage(encodeFrame(tick('2.1')));
    channel.onMessage(encodeFrame(tick('2.2')));
    expect(seen).toEqual([]);
    await settled();
    expect(seen).toEqual(['2.0 state', '2.1 progress', '2.2 progress']);
  });

  it('of an attempt that was taken away is dropped', async () => {
    const { reader, channel, seen } = await openActive();
    reader.move('queued');
    await channel.refresh();
    channel.onMessage(encodeFrame(tick('2.9')));
    reader.move('active');
    await channel.refresh();
    channel.onMessage(encodeFrame(tick('2.10')));
    channel.onMessage(encodeFrame(tick('4.1')));
    expect(seen).toEqual(['3.0 state', '4.0 state', '4.1 progress']);
  });

  it('is forgotten with its attempt, so that nobody who comes later is shown it', async () => {
    const { reader, channel } = await openActive();
    channel.onMessage(encodeFrame(tick('2.1')));
    reader.move('queued');
    await channel.refresh();
    expect(channel.progress).toBeNull();
  });

  it('of a job that is not running is dropped', async () => {
    const { reader, channel, seen } = await openActive();
    reader.move('completed');
    await channel.refresh();
    channel.onMessage(encodeFrame(tick('3.1')));
    expect(seen).toEqual(['3.0 end']);
  });

  it('that was missed is found in the last frame of Redis, or in the row', async () => {
    const { reader, channel, seen } = await openActive();
    reader.last = tick('2.4');
    await channel.refresh();
    reader.store(6);
    await channel.refresh();
    expect(seen).toEqual(['2.4 progress', '2.6 progress']);
  });

  it('that the row and Redis both know is shown once', async () => {
    const { reader, channel, seen } = await openActive();
    reader.store(4);
    reader.last = tick('2.4');
    await channel.refresh();
    await channel.refresh();
    expect(seen).toEqual(['2.4 progress']);
  });

  it('that Redis kept of an earlier attempt is shown before the change that ended it', async () => {
    const { reader, channel, seen } = await openActive();
    reader.last = tick('2.9');
    reader.move('queued');
    reader.move('active');
    await channel.refresh();
    expect(seen).toEqual(['2.9 progress', '3.0 state', '4.0 state']);
  });

  it('of a version that does not exist costs one read each and shows nothing', async () => {
    const { reader, channel, seen } = await openActive();
    const { reads } = reader;
    channel.onMessage(encodeFrame(tick('999.1')));
    await settled();
    channel.onMessage(encodeNudge(999));
    await settled();
    expect(reader.reads).toBe(reads + 2);
    expect(seen).toEqual([]);
  });

  it('of a version that does not exist is not shown once that version is there', async () => {
    const { reader, channel, seen } = await openActive();
    channel.onMessage(encodeFrame(tick('3.1')));
    await settled();
    reader.move('queued');
    await channel.refresh();
    expect(seen).toEqual(['3.0 state']);
  });

  it('of many versions that do not exist is read for together', async () => {
    const { reader, channel } = await openActive();
    reader.held = true;
    const { reads } = reader;
    for (let version = 100; version < 10_100; version += 1)
      channel.onMessage(encodeFrame(tick(`${version}.1`)));
    reader.release();
    await settled();
    expect(reader.reads).toBe(reads + 2);
  });

  it('is never an error, whatever is published', async () => {
    const { channel, seen } = await openActive();
    for (const message of ['', 'x', '!', '!x', '2.0\nprogress\n{}', '2.1\nend\n{}'])
      channel.onMessage(message);
    await settled();
    expect(seen).toEqual([]);
  });
});

describe('log frames through the channel', () => {
  it('are all shown, though progress is conflated', async () => {
    const { channel, seen } = await openActive();
    channel.onMessage(encodeFrame(tick('2.1', 'log')));
    channel.onMessage(encodeFrame(tick('2.2')));
    channel.onMessage(encodeFrame(tick('2.3', 'log')));
    expect(seen).toEqual(['2.1 log', '2.2 progress', '2.3 log']);
  });

  it('that overtake the nudge of their claim are kept, though an older read is still under way', async () => {
    const { reader, channel, seen } = openChannel();
    await channel.refresh();
    reader.held = true;
    // This read began before the claim was committed, so it answers version 1.
    const stale = channel.refresh();
    await settled();
    reader.move('active');
    channel.onMessage(encodeFrame(tick('2.1', 'log')));
    reader.release();
    await stale;
    await settled();
    expect(seen).toEqual(['2.0 state', '2.1 log']);
  });

  it('after a gap wait while Redis does not say what was in it', async () => {
    const { reader, channel, seen } = await openActive();
    channel.onMessage(encodeFrame(tick('2.1')));
    reader.last = undefined;
    channel.onMessage(encodeFrame(tick('2.3', 'log')));
    await settled();
    expect(seen).toEqual(['2.1 progress']);

    reader.last = tick('2.2');
    await channel.refresh();
    expect(seen).toEqual(['2.1 progress', '2.2 progress', '2.3 log']);
  });
});
