import { Injectable } from '@nestjs/common';
import { Events } from '../events/events.ts';
import type { Fact } from '../events/facts.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { sendAll } from '../redis/send-all.ts';
import { encodeFrame, type TickFrame } from './frame.ts';

/** How long the newest frame is kept in Redis. By then it is stored in Postgres as well. */
const LAST_FRAME_SECONDS = 3_600;

/**
 * Publishes the frames of jobs that run in this process, and keeps the newest progress of each for viewers that join
 * later.
 */
@Injectable()
export class FramePublisher {
  constructor(
    private readonly redis: RedisConnections,
    private readonly events: Events,
  ) {
    events.on('progressed', (progressed) => this.publish(progressed.job.id, frameOf(progressed)));
  }

  /** Never rejects, because publishing progress must not fail the job that reports it. */
  async publish(jobId: string, frame: TickFrame): Promise<void> {
    const message = encodeFrame(frame);
    const pipeline = this.redis.command.pipeline().publish(this.redis.keys.jobChannel(jobId), message);
    if (frame.type === 'progress')
      pipeline.set(this.redis.keys.lastFrame(jobId), message, 'EX', LAST_FRAME_SECONDS);
    const failed = await sendAll(pipeline);
    if (failed > 0) this.events.tell({ name: 'unpublished', messages: failed });
  }
}

function frameOf({ job: { version, attempt }, progress, tick }: Fact<'progressed'>): TickFrame {
  const data = JSON.stringify({ attempt, progress, at: new Date().toISOString() });
  return { cursor: { version, tick }, type: 'progress', data };
}
