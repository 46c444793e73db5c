import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ANY_ADAPTER, type Credential, LATER, startApp, type TestApp } from '../support/app.ts';
import type { Answer } from '../support/http.ts';
import { openStream } from '../support/sse.ts';
import { comparable } from './comparable.ts';

const VICTIM = { tenant: 'acme', subject: 'victim' };
const MALLORY = { tenant: 'acme', subject: 'mallory' };
const OUTSIDER = { tenant: 'globex', subject: 'victim', scope: 'jobs:read jobs:write jobs:tenant' };
const UNKNOWN = '0190aaaa-0000-7000-8000-000000000001';
const SUBMISSION = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };

describe.each(ANY_ADAPTER)('Who guesses on %s', (adapter) => {
  let app: TestApp;
  let id: string;
  const secret = `secret-${randomUUID()}`;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = (await app.submit({ ...SUBMISSION, tags: [secret] }, VICTIM)).job.id;
  });
  afterAll(() => app.close());

  function expectNothingOf({ text, headers }: Answer): void {
    const bytes = `${text}${JSON.stringify(headers)}`;
    for (const part of [secret, id, id.toUpperCase()]) expect(bytes).not.toContain(part);
  }

  /** The id in every spelling that somebody may take for it. */
  function spellings(of: string): string[] {
    const encoded = [...of].map((char) => `%${char.charCodeAt(0).toString(16)}`).join('');
    return [
      of,
      of.toUpperCase(),
      `{${of}}`,
      `%7B${of}%7D`,
      `urn:uuid:${of}`,
      of.replaceAll('-', ''),
      of.replaceAll('-', '%2D'),
      of.replaceAll('-', '%252D'),
      encoded,
      encoded.replaceAll('%', '%25'),
      `${of}%00`,
      `%20${of}`,
      `${of}%0a`,
      `${of}.json`,
      `${of};x=y`,
      `${of}%2f..%2f${of}`,
      `.%2f${of}`,
      `(${of})`,
      `${of}'--`,
      `${of},${UNKNOWN}`,
    ];
  }

  it.each(['', '?include=payload', '/logs', '/events'])(
    'another spelling of an id finds at /jobs/:id%s what it finds for an unknown one',
    async (suffix) => {
      const unknown = spellings(UNKNOWN);
      for (const [index, spelling] of spellings(id).entries()) {
        const found = await app.get(`/jobs/${spelling}${suffix}`, MALLORY);
        const other = await app.get(`/jobs/${unknown[index]}${suffix}`, MALLORY);
        expect(found.status).toBe(404);
        // Nest's own 404 of a path that is no route repeats the path, which is the client's text.
        if (found.json()['code'] !== 'not_found') expectNothingOf(found);
        if (found.json()['code'] === 'job_not_found') expect(comparable(found)).toEqual(comparable(other));
      }
    },
  );

  it('another spelling opens nothing that the plain id does not open to its owner', async () => {
    for (const spelling of spellings(id)) {
      const { status, text } = await app.get(`/jobs/${spelling}`, VICTIM);
      expect([200, 404]).toContain(status);
      if (status === 200) expect(JSON.parse(text)).toMatchObject({ id, owner: 'victim' });
    }
  });

  it('the neighbours of an id finds what a random one finds, byte for byte', async () => {
    const number = BigInt(`0x${id.replaceAll('-', '')}`);
    const unknown = comparable(await app.get(`/jobs/${UNKNOWN}`, MALLORY));
    for (let distance = -16n; distance <= 16n; distance += 1n) {
      const near = hyphenated(number + distance);
      const step = hyphenated(number + (distance << 64n));
      for (const guess of [near, step])
        expect(comparable(await app.get(`/jobs/${guess}`, MALLORY))).toEqual(unknown);
    }
  });

  it('changes nothing by it', async () => {
    for (const as of [MALLORY, OUTSIDER, { ...OUTSIDER, tenant: 'ACME' }, { ...OUTSIDER, tenant: 'acme ' }])
      for (const action of ['cancel', 'retry'])
        for (const spelling of [id, id.toUpperCase()])
          expect((await app.post(`/jobs/${spelling}/${action}`, undefined, as)).status).toBe(404);
    expect(await app.job(id, VICTIM)).toMatchObject({
      status: 'queued',
      version: 1,
      cancelRequestedAt: null,
    });
  });

  it('an idempotency key of another tenant makes a job of the own', async () => {
    const key = { 'idempotency-key': `key-${secret}` };
    const submit = async (as: Credential, payload: object): Promise<Answer> =>
      app.send('/jobs', { method: 'POST', body: { ...SUBMISSION, payload }, headers: key }, as);
    const victims = await submit(VICTIM, { steps: 1, stepMs: 7 });
    expect(victims.status).toBe(202);

    for (const payload of [
      { steps: 1, stepMs: 7 },
      { steps: 2, stepMs: 7 },
    ]) {
      // Within a tenant a key names one job, but it does not say which, nor what is in it.
      const within = await submit(MALLORY, payload);
      expect([within.status, within.json()['code']]).toEqual([422, 'idempotency_mismatch']);
      for (const part of [victims.json<{ job: { id: string } }>().job.id, secret, 'victim'])
        expect(`${within.text}${JSON.stringify(within.headers)}`).not.toContain(part);
    }
    const outside = await submit(OUTSIDER, { steps: 1, stepMs: 7 });
    expect([outside.status, outside.headers['idempotency-replayed']]).toEqual([202, undefined]);
    expect(outside.json()).toMatchObject({ job: { tenant: 'globex', owner: 'victim' } });
  });

  it('a cursor of the list finds the own jobs alone', async () => {
    const own = (await app.submit(SUBMISSION, MALLORY)).job.id;
    for (const cursor of [id, own, 'ffffffff-ffff-7fff-bfff-ffffffffffff', UNKNOWN, id.toUpperCase()]) {
      const answer = await app.get(`/jobs?cursor=${cursor}&limit=100`, MALLORY);
      expect(answer.status).toBe(200);
      expectNothingOf({ ...answer, text: answer.text.replaceAll(own, '') } as Answer);
    }
    const lists = await Promise.all(
      [id, UNKNOWN].map((cursor) => app.get(`/jobs?cursor=${cursor}`, OUTSIDER)),
    );
    for (const list of lists) expectNothingOf(list);
  });

  it('a cursor of the feed, or of a stream, finds the own jobs alone', async () => {
    const watermark = await openStream(`${app.url}/jobs/events`, { token: await app.token(VICTIM) });
    const theirs = (await watermark.untilEvent('ready')).id ?? '';
    watermark.destroy();
    for (const cursor of [theirs, '0', '1', '1.0', id, '999999999999999999', '-1', `${theirs} OR 1=1`]) {
      const headers = { 'last-event-id': cursor };
      for (const query of ['', `?job=${id}`, `?tag=${secret}`]) {
        const feed = await openStream(`${app.url}/jobs/events${query}`, {
          token: await app.token(MALLORY),
          headers,
        });
        await feed.untilEvent('ready');
        feed.destroy();
        expect(feed.of('gone')).toEqual([]);
        for (const part of [id, secret]) expect(feed.text).not.toContain(part);
      }
    }
  });

  it('a Last-Event-ID finds of a hidden stream what it finds of an unknown one', async () => {
    for (const cursor of ['1.0', '0.0', '99.0', 'garbage', id]) {
      const ask = (job: string): Promise<Answer> =>
        app.send(`/jobs/${job}/events`, { headers: { 'last-event-id': cursor } }, MALLORY);
      expect(comparable(await ask(id))).toEqual(comparable(await ask(UNKNOWN)));
      expect((await ask(id)).status).toBe(404);
    }
  });

  it('filters of the list finds nothing of others', async () => {
    for (const query of [
      `tag=${secret}`,
      `tag=${secret}&tenant=acme&owner=victim`,
      'type=demo.steps',
      `job=${id}`,
      `id=${id}`,
    ])
      for (const as of [MALLORY, OUTSIDER]) expectNothingOf(await app.get(`/jobs?${query}`, as));
  });

  it('tickets for a hidden job finds what it finds for an unknown one', async () => {
    for (const as of [MALLORY, OUTSIDER])
      for (const beside of [[], [UNKNOWN]])
        expect(comparable(await app.post('/tickets', { jobs: [id, ...beside] }, as))).toEqual(
          comparable(await app.post('/tickets', { jobs: [UNKNOWN, ...beside] }, as)),
        );
  });
});

function hyphenated(number: bigint): string {
  const hex = (number & ((1n << 128n) - 1n)).toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
