import { Injectable } from '@nestjs/common';
import { ResolvedOptions } from '../jobs.options.ts';
import { type Keys, redisKeys } from '../redis/keys.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { sendAll } from '../redis/send-all.ts';
import { encodeFrame, type TickFrame } from './frame.ts';

/** How long the newest frame is kept after it was published; by then Postgres has had it for long. */
const LAST_FRAME_SECONDS = 3_600;

/** Publishes the frames of running jobs, and keeps the newest progress of each for viewers to come. */
@Injectable()
export class FramePublisher {
  readonly #keys: Keys;
  /** Frames that Redis did not take; their viewers are served from Postgres by the backstop. */
  failures = 0;

  constructor(
    private readonly redis: RedisConnections,
    { prefix }: ResolvedOptions,
  ) {
    this.#keys = redisKeys(prefix);
  }

  /** Never rejects: progress must not fail the job that reports it. */
  async publish(jobId: string, frame: TickFrame): Promise<void> {
    const message = encodeFrame(frame);
    const pipeline = this.redis.command.pipeline().publish(this.#keys.jobChannel(jobId), message);
    if (frame.type === 'progress')
      pipeline.set(this.#keys.lastFrame(jobId), message, 'EX', LAST_FRAME_SECONDS);
    this.failures += await sendAll(pipeline);
  }
}
