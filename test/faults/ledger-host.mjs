// A foreign host of the built module. Its one handler writes down what it did, per job and attempt, in a
// table that nobody else writes: what the fault tests hold against the history of the jobs.
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { JobHandler, JobsModule, migrate, PermanentFailure } from '../../dist/src/index.js';

const env = process.env;
const number = (name, fallback) => Number(env[name] ?? fallback);

const Payload = z.strictObject({
  steps: z.int().min(1),
  stepMs: z.int().min(0),
  /** Attempts that throw at their end. */
  failAttempts: z.int().default(0),
  /** The throw is for good. */
  permanent: z.boolean().default(false),
  /** Plays a handler that never looks at its signal. */
  ignoreAbort: z.boolean().default(false),
});

class LedgerWork {
  constructor(dataSource) {
    this.dataSource = dataSource;
  }

  async run({ steps, stepMs, failAttempts, permanent, ignoreAbort }, job) {
    await this.note(job, 'start');
    for (let done = 1; done <= steps; done += 1) {
      await delay(stepMs, undefined, ignoreAbort ? {} : { signal: job.signal });
      job.progress({ done, total: steps, data: { attempt: job.attempt } });
    }
    if (permanent) throw new PermanentFailure('as the payload asked for', { code: 'planned' });
    if (job.attempt <= failAttempts)
      throw new Error(`attempt ${job.attempt} fails, as the payload asked for`);
    await this.note(job, 'end');
    return { attempt: job.attempt };
  }

  note(job, phase) {
    return this.dataSource.query(
      'INSERT INTO ledger (job_id, attempt, phase, worker) VALUES ($1, $2, $3, $4)',
      [job.id, job.attempt, phase, process.pid],
    );
  }
}

const work = Object.getOwnPropertyDescriptor(LedgerWork.prototype, 'run');
// Lost workers and servers cost attempts; a test that means to use them up says so in its submit.
JobHandler('ledger.work', { schema: Payload, attempts: 50, backoff: () => 200 })(
  LedgerWork.prototype,
  'run',
  work,
);
Injectable()(LedgerWork);
Inject(DataSource)(LedgerWork, undefined, 0);

const database = { type: 'postgres', url: env.DATABASE_URL, installExtensions: false };

// oxlint-disable-next-line typescript/no-extraneous-class -- its decorator is applied by hand
class LedgerHost {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...database, poolSize: 10, connectTimeoutMS: 5_000, retryAttempts: 1 }),
    JobsModule.forRoot({
      redis: env.REDIS_URL,
      prefix: env.JOBS_PREFIX,
      jwt: { secret: env.JWT_SECRET, issuer: 'jobstream', audience: 'jobstream' },
      roles: (env.JOBS_ROLES ?? 'api,worker').split(','),
      leaseMs: number('LEASE_MS', 2_000),
      cancelGraceMs: number('CANCEL_GRACE_MS', 1_000),
      shutdownGraceMs: number('SHUTDOWN_GRACE_MS', 5_000),
      progressIntervalMs: number('PROGRESS_INTERVAL_MS', 50),
      stream: { backstopMs: number('STREAM_BACKSTOP_MS', 1_000), maxPerCaller: 1_000, heartbeatMs: 5_000 },
      queues: { default: { concurrency: number('CONCURRENCY', 10) } },
    }),
  ],
  providers: [LedgerWork],
})(LedgerHost);

const migrations = await new DataSource(database).initialize();
await migrate(migrations);
await migrations.destroy();

const app = await NestFactory.create(LedgerHost, new FastifyAdapter({ forceCloseConnections: true }), {
  logger: ['error', 'warn', 'log'],
  abortOnError: false,
});
app.enableShutdownHooks();
await app.listen(number('PORT', 0), '127.0.0.1');
console.log(`Listening on http://127.0.0.1:${app.getHttpServer().address().port}`);
