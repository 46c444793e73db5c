import { Controller, Get, Header, HttpException } from '@nestjs/common';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { type JobsCounts, JobsHealth, type JobsMeasures } from '../index.ts';
import { openApiDocument } from './openapi.ts';

type Metric = [name: string, help: string, label?: string];

const GAUGES = {
  runningJobs: ['jobstream_running_jobs', 'Jobs that this process runs'],
  openStreams: ['jobstream_open_streams', 'Streams that are open in this process'],
  admittedStreams: ['jobstream_admitted_streams', 'Places of streams that are taken in this process'],
  watchedJobs: ['jobstream_watched_jobs', 'Jobs that somebody watches in this process'],
  subscribedChannels: ['jobstream_subscribed_channels', 'Redis channels that this process listens to'],
} satisfies Partial<Record<keyof JobsMeasures, Metric>>;

/** What is counted by a label is a record in `JobsCounts`. */
const COUNTERS: Record<keyof JobsCounts, Metric> = {
  submitted: ['jobstream_submitted_total', 'Jobs that were committed'],
  offered: ['jobstream_offered_total', 'Jobs that were handed to Bull, each time'],
  claimed: ['jobstream_claimed_total', 'Attempts that were begun'],
  settled: ['jobstream_settled_total', 'Jobs that became final', 'status'],
  requeued: ['jobstream_requeued_total', 'Jobs that were queued again', 'reason'],
  progressFrames: ['jobstream_progress_frames_total', 'Frames of progress of the jobs that ran here'],
  refused: ['jobstream_refused_total', 'HTTP requests that were refused', 'code'],
  streamsOpened: ['jobstream_streams_opened_total', 'Streams that were opened'],
  streamsClosed: ['jobstream_streams_closed_total', 'Streams that were closed', 'reason'],
  backstopHits: [
    'jobstream_backstop_hits_total',
    'Changes that only the backstop found: Redis messages get lost',
  ],
  publishFailures: ['jobstream_publish_failures_total', 'Messages that Redis did not take'],
  malformedMessages: [
    'jobstream_malformed_messages_total',
    'Messages from Redis that were dropped, as Jobstream did not write them',
  ],
};

/** Health, metrics and the description of the HTTP interface: public, and without data of jobs. */
@Controller()
export class OperationsController {
  readonly #registry = new Registry();

  constructor(private readonly health: JobsHealth) {
    collectDefaultMetrics({ register: this.#registry });
    for (const [key, metric] of entries(GAUGES)) this.#registry.registerMetric(this.#gauge(key, metric));
    for (const [key, metric] of entries(COUNTERS)) this.#registry.registerMetric(this.#counter(key, metric));
  }

  /** The process answers. */
  @Get('health/live')
  live(): { status: string } {
    return { status: 'ok' };
  }

  /** Postgres answers, so jobs are taken; without Redis they wait, and streams follow the backstop. */
  @Get('health/ready')
  async ready(): Promise<object> {
    const { postgres, redis } = await this.health.report();
    const status = postgres ? (redis ? 'ok' : 'degraded') : 'unavailable';
    const body = { status, postgres: postgres ? 'up' : 'down', redis: redis ? 'up' : 'down' };
    if (!postgres) throw new HttpException({ ...body, statusCode: 503, code: 'not_ready' }, 503);
    return body;
  }

  @Get('metrics')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  async metrics(): Promise<string> {
    return this.#registry.metrics();
  }

  @Get('openapi.json')
  openapi(): object {
    return openApiDocument;
  }

  #gauge(key: keyof typeof GAUGES, [name, help]: Metric): Gauge {
    const read = (): number => this.health.measure()[key];
    return new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
  }

  #counter(key: keyof JobsCounts, [name, help, label]: Metric): Counter {
    const read = (): JobsCounts[typeof key] => this.health.measure()[key];
    return new Counter({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [],
      collect() {
        this.reset();
        const counted = read();
        if (typeof counted === 'number') return this.inc(counted);
        for (const [value, count] of Object.entries(counted)) this.labels(value).inc(count);
      },
    });
  }
}

function entries<Key extends string>(metrics: Record<Key, Metric>): [Key, Metric][] {
  return Object.entries(metrics) as [Key, Metric][];
}
