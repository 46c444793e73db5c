import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { EVERYTHING } from '../../../src/job/visibility.ts';
import type { TenantJob } from '../../../src/job/job.ts';
import { toProgress } from '../../../src/job/progress.ts';
import { ResolvedOptions } from '../../../src/jobs.options.ts';
import { FramePublisher } from '../../../src/publish/frame-publisher.ts';
import { RedisConnections } from '../../../src/redis/redis-connections.ts';
import { Subscriptions } from '../../../src/redis/subscriptions.ts';
import { JobLeases } from '../../../src/store/job-leases.ts';
import { JobMoves } from '../../../src/store/job-moves.ts';
import { JobStore } from '../../../src/store/job-store.ts';
import { JobReader } from '../../../src/stream/job-reader.ts';
import { eventually } from '../eventually.ts';
import { aNewJob } from '../jobs.ts';
import type { TestModule } from '../module.ts';
import { aSettlement } from '../store.ts';
import type { JoinBackend, LifeStep, Position } from './life.ts';

/** A job in Postgres, followed through Redis, by the providers of a module that runs no jobs itself. */
export class RealBackend implements JoinBackend {
  readonly options: ResolvedOptions;
  readonly reader: JobReader;
  readonly store: JobStore;
  readonly subscriptions: Subscriptions;
  readonly #command: Redis;
  readonly #subscriber: Redis;

  private constructor(
    private readonly module: TestModule,
    readonly job: TenantJob,
  ) {
    this.options = module.get(ResolvedOptions);
    this.reader = module.get(JobReader);
    this.store = module.get(JobStore);
    this.subscriptions = module.get(Subscriptions);
    const connections = module.get(RedisConnections);
    this.#command = connections.command;
    this.#subscriber = connections.subscriber;
  }

  static async open(module: TestModule): Promise<RealBackend> {
    const job = aNewJob();
    await module.get(JobStore).insert([job]);
    return new RealBackend(module, job);
  }

  async happen(step: LifeStep, position: Position): Promise<void> {
    await this.#act(step, position);
    // Its answer comes after those of all that was published before it.
    await this.#command.ping();
    await this.settle();
  }

  /** A subscriber's PONG comes after all that was published, and acknowledged, before its PING. */
  async settle(): Promise<void> {
    if (this.#subscriber.status === 'ready') await this.#subscriber.ping();
    await new Promise((resolve) => setImmediate(resolve));
  }

  async breakConnection(): Promise<void> {
    const closed = once(this.#subscriber, 'close');
    this.#subscriber.disconnect(true);
    await closed;
  }

  async connect(): Promise<void> {
    await eventually(() => this.#subscriber.ping());
  }

  #act(step: LifeStep, { status, version, tick, progressTick }: Position): Promise<unknown> {
    const { id, tenant } = this.job;
    const from = { id, version: version - 1 };
    const progress = progressTick > 0 ? toProgress({ done: progressTick }) : null;
    if (step === 'progress' || step === 'log') return this.#publish(step, version, tick);
    if (step === 'save')
      return this.module.get(JobLeases).renew([{ id, tenant, version, progress, tick: progressTick }]);
    if (step === 'claim') return this.module.get(JobMoves).claim([from], ['test'], 'played');
    if (step === 'retry') return this.module.get(JobMoves).retry(id, EVERYTHING);
    const ended = { status: status as 'queued', reason: 'played', progress, tick: progressTick };
    return this.module.get(JobMoves).settle([aSettlement(id, version - 1, ended)]);
  }

  #publish(type: 'progress' | 'log', version: number, tick: number): Promise<void> {
    const data = type === 'log' ? { lines: [], dropped: 0 } : { progress: { done: tick } };
    const frame = { cursor: { version, tick }, type, data: JSON.stringify(data) };
    return this.module.get(FramePublisher).publish(this.job.id, frame);
  }
}
