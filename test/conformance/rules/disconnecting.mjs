import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { disorder, parseFrame } from '../event-stream.mjs';

/** Whole frames of what a chunked answer had brought when it was cut; a frame that is cut short never came. */
function framesOf(text) {
  const body = text.slice(text.indexOf('\r\n\r\n') + 4).replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, '');
  const end = body.lastIndexOf('\n\n');
  const raws = end < 0 ? [] : body.slice(0, end).split('\n\n');
  return raws
    .map((raw) => raw.replace(/^\s+/, ''))
    .filter((raw) => raw !== '')
    .map(parseFrame);
}

/** Reads at most `bytes` of the stream from `cursor` on, then breaks the connection. */
async function cutAfter(scene, id, cursor, bytes) {
  const path = `/jobs/${id}/events`;
  const connection = scene.raw(scene.http.requestText('GET', path, { headers: { 'last-event-id': cursor } }));
  await connection.until(
    ({ text, closed }) => closed || text.length >= bytes || text.includes('event: end'),
    30_000,
  );
  connection.leave();
  assert.match(connection.text || 'HTTP/1.1 200 ', /^HTTP\/1\.1 (200|204) /);
  return framesOf(connection.text.slice(0, bytes)).filter(({ event }) => event !== null && event !== 'bye');
}

export const rules = [
  [
    'a viewer that is cut off after any number of bytes resumes without a gap and without a double',
    async (scene) => {
      const id = await scene.steps({ steps: 60, stepMs: 25, failAtStep: 30, failAttempts: 1 });
      const frames = [];
      // The headers alone are about 300 bytes; the largest frame, the end, about 900.
      for (let bytes = 0; frames.at(-1)?.event !== 'end'; bytes = bytes < 2_500 ? bytes + 37 : 2_500)
        frames.push(...(await cutAfter(scene, id, frames.at(-1)?.id ?? '0.0', bytes)));
      assert.equal(disorder(frames), null);
      const changes = frames
        .filter(({ event }) => event !== 'progress')
        .map(({ event, id: at }) => `${event} ${at}`);
      assert.deepEqual(changes, ['state 1.0', 'state 2.0', 'state 3.0', 'state 4.0', 'end 5.0']);
    },
  ],
  [
    'a viewer that leaves never cancels the job',
    async (scene) => {
      const id = await scene.steps({ steps: 40, stepMs: 25 });
      const stream = await scene.stream(id);
      await stream.untilEvent('progress', 30_000);
      stream.leave();
      const job = await scene.ended(id);
      assert.deepEqual([job.status, job.cancelRequestedAt], ['completed', null]);
    },
  ],
  [
    'clients that vanish before, during and after the headers leave the service as it was',
    async (scene) => {
      const id = await scene.waiting();
      const request = scene.http.requestText('GET', `/jobs/${id}/events`);
      for (let turn = 0; turn < 60; turn += 1) {
        const connection = scene.raw(turn % 3 === 0 ? request.slice(0, turn) : request);
        await delay(turn % 7);
        if (turn % 2 === 0) connection.socket.resetAndDestroy?.();
        connection.leave();
      }
      await delay(500);
      const stream = await scene.stream(id);
      assert.equal((await stream.untilEvent('snapshot')).id, '1.0');
    },
  ],
  [
    'several requests that are sent at once over one connection are answered one after the other',
    async (scene) => {
      const { id } = await scene.retried();
      const stream = scene.http.requestText('GET', `/jobs/${id}/events`);
      const last = scene.http.requestText('GET', `/jobs/${id}/events?after=5.0`, {
        headers: { connection: 'close' },
      });
      const connection = scene.raw(stream + stream + last);
      await connection.until(({ closed }) => closed);
      const statuses = [...connection.text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
      assert.deepEqual(statuses, ['200', '200', '204']);
      assert.equal(connection.text.match(/^event: end$/gm)?.length, 2);
    },
  ],
];
