// The baseline for Jobstream: a minimal hand-written event stream over node:http. It has no jobs, callers, cursors,
// heartbeats or handling of slow clients; it writes each message of one Redis channel to every response.
import { createServer } from 'node:http';
import { Redis } from 'ioredis';

const responses = new Set();

const server = createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.write('retry: 3000\n\n');
  responses.add(response);
  response.on('close', () => responses.delete(response));
});

const redis = new Redis(process.env.REDIS_URL);
redis.on('message', (_channel, message) => {
  const [id, type, data] = message.split('\n');
  // A nudge. The baseline has no row to read.
  if (data === undefined) return;
  const frame = `event: ${type}\nid: ${id}\ndata: ${data}\n\n`;
  for (const response of responses) response.write(frame);
});

process.on('message', ({ ask, question, channel }) => {
  if (question === 'subscribe') void redis.subscribe(channel).then((answer) => process.send({ ask, answer }));
});

server.listen(0, '127.0.0.1', () => {
  process.send({ ready: `http://127.0.0.1:${server.address().port}` });
});
