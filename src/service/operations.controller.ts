import { Controller, Get, Header, HttpException } from '@nestjs/common';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { JobsHealth, type JobsMeasures } from '../index.ts';
import { openApiDocument } from './openapi.ts';

type Metric = [name: string, help: string];
type Metrics = Partial<Record<keyof JobsMeasures, Metric>>;

const GAUGES: Metrics = {
  runningJobs: ['jobstream_running_jobs', 'Jobs that this process runs'],
  openStreams: ['jobstream_open_streams', 'Streams that are open in this process'],
  admittedStreams: ['jobstream_admitted_streams', 'Places of streams that are taken in this process'],
  watchedJobs: ['jobstream_watched_jobs', 'Jobs that somebody watches in this process'],
  subscribedChannels: ['jobstream_subscribed_channels', 'Redis channels that this process listens to'],
};

const COUNTERS: Metrics = {
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

  #gauge(key: keyof JobsMeasures, [name, help]: Metric): Gauge {
    const read = (): number => this.#value(key);
    return new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
  }

  #counter(key: keyof JobsMeasures, [name, help]: Metric): Counter {
    const read = (): number => this.#value(key);
    return new Counter({
      name,
      help,
      registers: [],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  #value(key: keyof JobsMeasures): number {
    return this.health.measure()[key];
  }
}

function entries(metrics: Metrics): [keyof JobsMeasures, Metric][] {
  return Object.entries(metrics) as [keyof JobsMeasures, Metric][];
}
