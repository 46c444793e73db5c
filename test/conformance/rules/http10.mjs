import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { parseFrame } from '../event-stream.mjs';

/** Status line and headers, and the body as it came. */
function split(text) {
  const end = text.indexOf('\r\n\r\n');
  return { head: text.slice(0, end), body: text.slice(end + 4) };
}

const framesOf = (body) =>
  body
    .split('\n\n')
    .map((raw) => raw.replace(/^\n+/, ''))
    .filter((raw) => raw !== '')
    .map(parseFrame)
    // Heartbeats that are comments.
    .filter(({ event }) => event !== null);

const text10 = (scene, path, headers) => scene.http.requestText('GET', path, { version: '1.0', headers });

export const rules = [
  [
    'an HTTP/1.0 client gets plain frames without chunks, and the connection closes after the end',
    async (scene) => {
      const id = await scene.steps({ steps: 5, stepMs: 20 }, { runAt: scene.soon(1_500) });
      const connection = scene.raw(text10(scene, `/jobs/${id}/events?after=0.0`));
      await connection.until(({ closed }) => closed, 30_000);
      const { head, body } = split(connection.text);
      assert.match(head, /^HTTP\/1\.[01] 200 /);
      assert.doesNotMatch(head, /^transfer-encoding:/im);
      const names = framesOf(body).map(({ event, id: cursor }) => `${event} ${cursor}`);
      assert.deepEqual([names[0], names[1], names.at(-1)], ['state 1.0', 'state 2.0', 'end 3.0']);
    },
  ],
  [
    'an HTTP/1.0 client gets the first frame while the stream is open',
    async (scene) => {
      const connection = scene.raw(text10(scene, `/jobs/${await scene.waiting()}/events`));
      await connection.until(({ text }) => text.includes('event: snapshot') && text.endsWith('\n\n'));
      assert.equal(connection.closed, false);
    },
  ],
  [
    'an HTTP/1.0 client is refused, and told to stop, as any other',
    async (scene) => {
      const { id } = await scene.retried();
      const statusOf = async (path, headers) => {
        const connection = scene.raw(text10(scene, path, headers));
        await connection.until(({ closed }) => closed);
        return connection.text.slice(9, 12);
      };
      assert.equal(await statusOf(`/jobs/${id}/events`, { 'last-event-id': '5.0' }), '204');
      assert.equal(await statusOf(`/jobs/${randomUUID()}/events`), '404');
      assert.equal(await statusOf(`/jobs/${id}/events`, { authorization: 'Bearer none' }), '401');
    },
  ],
];
