// What Jobstream is held against: the least that a hand-written event stream over node:http can be. It knows no
// job, caller, cursor, heartbeat or slow client; it writes each message of one Redis channel to every response.
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
  // A nudge: there is no row to read here.
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
