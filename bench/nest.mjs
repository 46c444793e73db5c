// Measures the cost of Nest itself: a minimal @Sse() route on the same HTTP adapter. Like the bare loop, it only passes
// each message of one Redis channel to every response.
import 'reflect-metadata';
import { Controller, Module, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { Subject, startWith } from 'rxjs';
import { httpAdapter } from './http-adapter.mjs';

const events = new Subject();

class BareController {
  events() {
    return events.pipe(startWith({ retry: 3_000 }));
  }
}
const route = Object.getOwnPropertyDescriptor(BareController.prototype, 'events');
Sse('jobs/:id/events')(BareController.prototype, 'events', route);
Controller()(BareController);

// oxlint-disable-next-line typescript/no-extraneous-class -- its decorator is applied by hand
class BareHost {}
Module({ controllers: [BareController] })(BareHost);

const redis = new Redis(process.env.REDIS_URL);
redis.on('message', (_channel, message) => {
  const [id, type, data] = message.split('\n');
  // A nudge. The baseline has no row to read.
  if (data !== undefined) events.next({ id, type, data });
});

process.on('message', ({ ask, question, channel }) => {
  if (question === 'subscribe') void redis.subscribe(channel).then((answer) => process.send({ ask, answer }));
});

const app = await NestFactory.create(BareHost, await httpAdapter(), { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
process.send({ ready: `http://127.0.0.1:${app.getHttpServer().address().port}` });
