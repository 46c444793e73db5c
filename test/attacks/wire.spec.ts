import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';
import { RawConnection } from '../support/raw-connection.ts';

const MEGABYTE = 1_000_000;

/** What an honest client sends next on the same connection, and what must not become of it. */
const HEAD = 'Host: jobs.test\r\nContent-Type: application/json\r\n';
const SMUGGLED = 'GET /health/live HTTP/1.1\r\nHost: jobs.test\r\n\r\n';

/** Two ways to read where a request ends: a server that takes one of them serves what a proxy did not see. */
const AMBIGUOUS: [title: string, request: string][] = [
  ['a length and chunks', `Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['chunks and a length', `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['two lengths', `Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`],
  ['a list of lengths', `Content-Length: 0, ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`],
  ['a length with a sign', `Content-Length: +0\r\n\r\n${SMUGGLED}`],
  ['a negative length', `Content-Length: -1\r\n\r\n${SMUGGLED}`],
  ['a hexadecimal length', `Content-Length: 0x0\r\n\r\n${SMUGGLED}`],
  ['a length past all numbers', `Content-Length: 18446744073709551616\r\n\r\n${SMUGGLED}`],
  [
    'two transfer codings',
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  ['an unknown transfer coding', `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['chunks that are not the last coding', `Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a space before a colon', `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a folded header', `X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a header that ends in a bare line feed', `X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a header with a bare carriage return', `X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a chunk whose size has a sign', `Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a chunk that ends in a bare line feed', `Transfer-Encoding: chunked\r\n\r\n0\n\n${SMUGGLED}`],
];

const NOT_A_VALUE: [title: string, value: string][] = [
  ['NUL', '1.0\u0000x'],
  ['a line end and a header', '1.0\nX-Injected: 1'],
  ['a carriage return and a header', '1.0\rX-Injected: 1'],
  ['a folded line', '1.0\r\n 2.0'],
];

const NAMES = ['Last-Event-ID', 'Idempotency-Key', 'Authorization', 'Cookie', 'Origin'];

const LONG: [title: string, head: (filler: string) => string][] = [
  ['a Last-Event-ID', (filler) => `GET /jobs/ID/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ${filler}`],
  ['a cursor in the query', (filler) => `GET /jobs/ID/events?after=${filler} HTTP/1.1\r\nHost: x`],
  ['a ticket', (filler) => `GET /jobs/ID/events?ticket=${filler} HTTP/1.1\r\nHost: x`],
  ['an id', (filler) => `GET /jobs/${filler} HTTP/1.1\r\nHost: x`],
  ['a cookie', (filler) => `GET /jobs/ID/events HTTP/1.1\r\nHost: x\r\nCookie: jobstream_stream=${filler}`],
  ['a method', (filler) => `${filler} / HTTP/1.1\r\nHost: x`],
  ['a header name', (filler) => `GET / HTTP/1.1\r\nHost: x\r\n${filler}: y`],
];

/** Addresses that another program on the way may take for `/jobs`. */
const NOT_JOBS = [
  '//jobs',
  '/./jobs',
  '/x/../jobs',
  '/jobs/..',
  '/jobs/%2e%2e',
  '/jobs%2f',
  '/JOBS',
  '/jobs;x=1',
  '/jobs%00',
  '/jobs%20',
  '/jobs//',
  '/jobs\\',
  'jobs',
];
const NOT_METRICS = [
  '/METRICS',
  '/Metrics',
  '//metrics',
  '/metrics;x',
  '/metrics%2f',
  '/metrics%00',
  '/./metrics',
];

/** A host with no path, as some parsers of addresses take them. */
const UNREADABLE = ['//m@#"@~2?logs=1', "//OG#'.Y%l?job=x", '//x#', '//@#'];

describe.each(ADAPTERS)('What is not quite HTTP on %s', (adapter) => {
  let app: TestApp;
  let id: string;
  let token: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = await app.waitingJob();
    token = await app.token();
  });
  afterAll(() => app.close());

  /** All that is answered to these bytes, once the server has closed the connection. */
  async function answered(bytes: string): Promise<string> {
    const connection = new RawConnection(app.url).write(bytes);
    await connection.untilClosed();
    return connection.text;
  }

  function statuses(text: string): string[] {
    return [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status = '']) => status);
  }

  it.each(AMBIGUOUS)('is refused once, and closed, when its end is said by %s', async (_title, rest) => {
    const text = await answered(`POST /jobs HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n${HEAD}${rest}`);

    expect(statuses(text)).toHaveLength(1);
    expect(statuses(text)[0]).toMatch(/^4/);
    expect(text).not.toContain('"ok"');
  });

  it('may hide no request in the body of a GET', async () => {
    for (const type of ['application/json', 'text/plain']) {
      const length = `Content-Type: ${type}\r\nContent-Length: ${SMUGGLED.length}`;
      const hidden = `GET /jobs HTTP/1.1\r\nHost: x\r\n${length}\r\n\r\n${SMUGGLED}`;
      const text = await answered(`${hidden}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

      expect(text).not.toContain('"ok"');
    }
  });

  it.each(NOT_A_VALUE)('is refused where a header holds %s', async (_title, value) => {
    for (const name of NAMES) {
      const text = await answered(`GET /jobs/${id}/events HTTP/1.1\r\nHost: x\r\n${name}: ${value}\r\n\r\n`);

      expect(statuses(text)).toEqual(['400']);
      expect(text).not.toMatch(/^x-injected/im);
    }
  });

  it('repeats nothing of a line end that is written as an escape', async () => {
    for (const path of [
      '/jobs%0d%0aX-Injected:%201',
      `/jobs/${id}%0d%0aX-Injected:%201/events`,
      '/client/%0d%0aX-Injected:1',
    ]) {
      const text = await answered(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

      expect(statuses(text)[0]).toMatch(/^4/);
      expect(text).not.toMatch(/^x-injected/im);
    }
  });

  it.each(LONG)('is refused when %s has a megabyte', async (_title, head) => {
    const text = await answered(`${head('9'.repeat(MEGABYTE)).replace('ID', id)}\r\n\r\n`);

    // It may be reset while it still sends, and then knows no status.
    expect(['400', '431', undefined]).toContain(statuses(text)[0]);
    expect((await app.get('/health/live', null)).status).toBe(200);
  });

  it.each([
    ['jobs', NOT_JOBS],
    ['metrics', NOT_METRICS],
  ])('finds the %s at no other address', async (_title, paths) => {
    for (const path of paths) {
      const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}`;
      const text = await answered(`${head}\r\nConnection: close\r\n\r\n`);

      expect([path, statuses(text)[0]]).toEqual([path, expect.stringMatching(/^40[04]$/)]);
    }
  });

  it('explains in its own words that an address cannot be read', async () => {
    for (const path of UNREADABLE) {
      const text = await answered(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

      expect([path, statuses(text)[0]]).toEqual([path, expect.stringMatching(/^40[04]$/)]);
      expect([path, text]).toEqual([path, expect.stringMatching(/"code":"(not_found|bad_request)"/)]);
    }
  });

  it('is not led elsewhere by a header that names another method or address', async () => {
    const names = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'];
    for (const name of [...names, 'X-Original-URL', 'X-Rewrite-URL']) {
      const value = names.includes(name) ? 'POST' : '/health/live';
      const answer = await app.send(`/jobs/${id}/cancel`, { headers: { [name]: value } });

      expect([name, answer.status]).toEqual([name, 404]);
    }
    expect(await app.job(id)).toMatchObject({ status: 'queued', cancelRequestedAt: null });
  });

  it('takes no credential from a trailer', async () => {
    const chunked = 'Transfer-Encoding: chunked\r\nTrailer: Authorization\r\nConnection: close';
    const trailer = `0\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const text = await answered(`POST /jobs HTTP/1.1\r\n${HEAD}${chunked}\r\n\r\n${trailer}`);

    expect(statuses(text)).toEqual(['401']);
  });

  it('names no host but the one that the service answers to', async () => {
    const ticket = (await app.post('/tickets', { jobs: [id] })).json<{ ticket: string }>().ticket;
    const connection = new RawConnection(app.url).write(
      `GET http://evil.test/jobs/${id}/events?ticket=${ticket} HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: evil.test\r\n\r\n`,
    );
    await connection.until('event: snapshot');
    connection.destroy();

    expect(connection.text).toContain(`Path=/jobs/${id}/events;`);
    expect(connection.text).not.toContain('evil.test');
  });
});
