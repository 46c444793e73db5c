// The reference service with two handlers that report more than any real one.
import 'reflect-metadata';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { JobHandler } from '../../dist/src/index.js';
import { readEnvironment } from '../../dist/src/service/environment.js';
import { httpAdapter } from '../../dist/src/service/http-adapter.js';
import { ServiceModule } from '../../dist/src/service/service.module.js';

const Counting = z.strictObject({
  calls: z.int().min(1),
  /** Calls between two turns of the event loop. */
  perTurn: z.int().min(1),
  pauseMs: z.int().min(0),
  /** Names a step of its own in each call. */
  manySteps: z.boolean().default(false),
});

const Chatting = z.strictObject({ everyMs: z.int().min(1) });

const MESSAGE = 'm'.repeat(500);
const DATA = 'd'.repeat(4_000);

class LoadWork {
  /** Calls `progress()` as often as it is told. */
  async count({ calls, perTurn, pauseMs, manySteps }, job) {
    const started = performance.now();
    for (let done = 1; done <= calls; done += 1) {
      job.progress({ done, total: calls, unit: 'calls', step: manySteps ? `step ${done}` : 'counting' });
      if (done % perTurn === 0 && done < calls) await delay(pauseMs, undefined, { signal: job.signal });
    }
    return { calls, ms: Math.round(performance.now() - started) };
  }

  /** Reports as much as a frame may hold, and when by the clock of the machine, until it is cancelled. */
  async chat({ everyMs }, job) {
    for (let done = 1; ; done += 1) {
      const reportedAt = Number(process.hrtime.bigint()) / 1e6;
      job.progress({ done, message: MESSAGE, data: { reportedAt, text: DATA } });
      await delay(everyMs, undefined, { signal: job.signal });
    }
  }
}
handle('count', 'load.count', Counting);
handle('chat', 'load.chat', Chatting);
Injectable()(LoadWork);

function handle(method, type, schema) {
  const descriptor = Object.getOwnPropertyDescriptor(LoadWork.prototype, method);
  JobHandler(type, { schema })(LoadWork.prototype, method, descriptor);
}

// oxlint-disable-next-line typescript/no-extraneous-class -- a module
class LoadHost {}

const environment = readEnvironment(process.env);
const { databaseUrl, redisUrl, jwt, adapter, port, host } = environment;
const service = ServiceModule.of({ environment, databaseUrl, redisUrl, jwtSecret: jwt.secret });
const root = { module: LoadHost, imports: [service], providers: [LoadWork] };
const app = await httpAdapter(adapter, root, { logger: ['error', 'warn'] });
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)));
await app.listen(port, host);
const path = process.env.LOAD_SOCKET;
if (path) {
  // The same server at a Unix socket too: there the kernel takes far less for a client that does not read.
  const server = createServer((socket) => app.getHttpServer().emit('connection', socket));
  await new Promise((listening) => server.listen(path, listening));
  process.once('SIGTERM', () => server.close());
}
console.log(`Listening on http://${host}:${app.getHttpServer().address().port}`);
