// A host of the built module, as an API or as a worker. Its only handler reports progress when asked to.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { z } from 'zod';
import { JobHandler, JobsModule } from '../dist/src/index.js';
import { httpAdapter } from './http-adapter.mjs';

const env = process.env;
/** Running jobs, each with the function that ends it. */
const running = new Map();

class BenchTicks {
  run(_payload, job) {
    return new Promise((resolve) => {
      running.set(job.id, { job, resolve });
      job.signal.addEventListener('abort', () => resolve(null));
    });
  }
}
const run = Object.getOwnPropertyDescriptor(BenchTicks.prototype, 'run');
JobHandler('bench.ticks', { schema: z.strictObject({}), timeoutMs: 3_600_000 })(
  BenchTicks.prototype,
  'run',
  run,
);
Injectable()(BenchTicks);

/** The time in microseconds, on a clock that all processes of the machine share. */
const now = () => Number(process.hrtime.bigint() / 1_000n);

const ANSWERS = {
  runs: ({ job }) => running.has(job),
  tick: ({ job, done, total }) => {
    const progress = { done, total, unit: 'ticks', step: 'measuring', message: `tick ${done} of ${total}` };
    running.get(job).job.progress({ ...progress, data: { sentAt: now() } });
    return true;
  },
  finish: ({ job }) => running.get(job).resolve(null) ?? true,
};
process.on('message', ({ ask, question, ...rest }) => {
  if (question in ANSWERS) process.send({ ask, answer: ANSWERS[question](rest) });
});

// oxlint-disable-next-line typescript/no-extraneous-class -- its decorator is applied by hand
class BenchHost {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: env.DATABASE_URL,
      installExtensions: false,
      poolSize: 20,
    }),
    JobsModule.forRoot({
      redis: env.REDIS_URL,
      prefix: env.JOBS_PREFIX,
      jwt: { secret: env.JWT_SECRET, issuer: env.JWT_ISSUER, audience: env.JWT_AUDIENCE },
      roles: [env.JOBS_ROLES],
      // The minimum, so that reports are sent at once and the coalescer's delay is not measured.
      progressIntervalMs: 10,
      stream: { maxPerCaller: Number(env.STREAM_MAX_PER_CALLER), maxTotal: Number(env.STREAM_MAX_TOTAL) },
      shutdownGraceMs: 1_000,
    }),
  ],
  providers: [BenchTicks],
})(BenchHost);

const app = await NestFactory.create(BenchHost, await httpAdapter(), {
  logger: ['error', 'warn'],
  abortOnError: false,
});
await app.listen(0, '127.0.0.1');
process.send({ ready: `http://127.0.0.1:${app.getHttpServer().address().port}` });
