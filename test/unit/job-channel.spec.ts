import { describe, expect, it } from '@jest/globals';
import { encodeNudge } from '../../src/publish/frame.ts';
import { openActive, openChannel, settled } from '../support/job-channel.ts';
import { aJob } from '../support/jobs.ts';

describe('the channel of a watched job', () => {
  it('shows nothing of what was before its first read', async () => {
    const { channel, seen, reader } = openChannel();
    reader.move('active');
    reader.move('completed');
    await channel.refresh();
    expect(seen).toEqual([]);
    expect(channel.version).toBe(3);
  });

  it('shows each change from the row when it is nudged', async () => {
    const { reader, channel, seen } = openChannel();
    await channel.refresh();
    reader.move('active');
    channel.onMessage(encodeNudge(2));
    await settled();
    reader.move('queued');
    reader.move('active');
    reader.move('completed');
    channel.onMessage(encodeNudge(5));
    await settled();
    expect(seen).toEqual(['2.0 state', '3.0 state', '4.0 state', '5.0 end']);
  });

  it('catches up with a lost nudge when it is told to read', async () => {
    const { reader, channel, seen } = await openActive();
    reader.move('completed');
    await settled();
    expect(seen).toEqual([]);
    channel.onSubscribed();
    await settled();
    expect(seen).toEqual(['3.0 end']);
  });

  it('does not read for a nudge of what it knows', async () => {
    const { reader, channel } = await openActive();
    const { reads } = reader;
    channel.onMessage(encodeNudge(2));
    channel.onMessage(encodeNudge(1));
    await settled();
    expect(reader.reads).toBe(reads);
  });

  it('shows the final status that was undone by hand as a state', async () => {
    const { reader, channel, seen } = await openActive();
    reader.move('failed');
    reader.move('queued');
    await channel.refresh();
    expect(seen).toEqual(['3.0 state', '4.0 state']);
  });

  it('reads again after a read that began before the call', async () => {
    const { reader, channel, seen } = await openActive();
    reader.held = true;
    const first = channel.refresh();
    await settled();
    reader.move('completed');
    const second = channel.refresh();
    const third = channel.refresh();
    reader.release();
    await Promise.all([first, second, third]);
    expect(seen).toEqual(['3.0 end']);
    expect(reader.reads).toBe(3);
  });

  it('is not thrown off by a read that answers an older row than it knows', async () => {
    const { reader, channel, seen } = await openActive();
    reader.move('completed');
    await channel.refresh();
    reader.row = aJob({ version: 2, status: 'active' });
    await channel.refresh();
    expect(channel.version).toBe(3);
    expect(seen).toEqual(['3.0 end']);
  });

  it('completes when the job has been purged', async () => {
    const { reader, channel, state } = await openActive();
    reader.row = null;
    await channel.refresh();
    expect(state.completed).toBe(true);
  });

  it('reports a read that failed and goes on with the next', async () => {
    const { reader, channel, seen, errors } = await openActive();
    reader.error = new Error('no Postgres');
    await channel.refresh();
    expect(errors).toEqual([reader.error]);
    reader.error = null;
    reader.move('completed');
    await channel.refresh();
    expect(seen).toEqual(['3.0 end']);
  });
});
