import * as fc from 'fast-check';

/** What requests are made of besides rubbish. */
export interface Ingredients {
  /** Of the attacker. */
  ids: readonly string[];
  foreignIds: readonly string[];
  /** Values for `Authorization`, good and bad; the first is the most common. */
  credentials: readonly string[];
}

export interface FuzzedRequest {
  method: string;
  bytes: Buffer;
  /** Whether it is no HTTP any more, so that nothing may follow on its connection. */
  broken: boolean;
}

const METHODS = [
  'GET',
  'POST',
  'DELETE',
  'HEAD',
  'PUT',
  'PATCH',
  'OPTIONS',
  'PROPFIND',
  'QUERY',
  'get',
  'TRACE',
];
const ROUTES = [
  // More often than others, as its bodies have more to get wrong.
  '/jobs',
  '/jobs',
  '/jobs',
  '/jobs',
  '/jobs/ID',
  '/jobs/ID/events',
  '/jobs/ID/logs',
  '/jobs/ID/cancel',
  '/jobs/ID/retry',
  '/jobs/events',
  '/tickets',
  '/revocations',
  '/api-keys',
  '/api-keys/ID',
  '/health/live',
  '/health/ready',
  '/metrics',
  '/openapi.json',
  '/',
  '/index.html',
  '/client/ID',
];
/** The method that each of them is there for. */
const MADE_FOR: Readonly<Record<string, string>> = {
  '/jobs/ID/cancel': 'POST',
  '/jobs/ID/retry': 'POST',
  '/tickets': 'POST',
  '/revocations': 'POST',
  '/api-keys/ID': 'DELETE',
};
const KEYS = [
  'after',
  'cursor',
  'limit',
  'status',
  'type',
  'tag',
  'job',
  'ticket',
  'include',
  'logs',
  'heartbeat',
  '__proto__',
  'constructor',
  'tag[]',
  'tag[a][b]',
  '__proto__[x]',
];

export const NASTY = [
  '',
  '%00',
  '%0d%0aX-Injected:%201',
  '..%2f..%2fetc%2fpasswd',
  '%c0%ae%c0%ae%c0%af',
  '%ff',
  '%',
  '%u0000',
  '__proto__',
  'constructor',
  "'%20OR%201=1--",
  "1';DROP%20TABLE%20jobs.job;--",
  '1.0',
  '0.0',
  '-1',
  '1e400',
  '99999999999999999999',
  'NaN',
  '%F0%9F%92%A9',
  '%ED%A0%80',
  '{{7*7}}',
  '$%7Bjndi:ldap://x%7D',
  '<script>',
  'queued',
  'payload',
  'shared',
  'demo.steps',
  'globex',
];

/** Any characters of these, which need not be a valid text. */
const characters = (min: number, max: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min, max }), { maxLength }).map((codes) => String.fromCharCode(...codes));

const rubbish = characters(0x21, 0x7e, 40);
/** A field value may be any bytes but controls. */
const fieldValue = fc.oneof(
  fc.constantFrom(...NASTY),
  rubbish,
  characters(0xa0, 0xff, 20),
  fc.integer({ min: 1, max: 9_000 }).map((length) => 'x'.repeat(length)),
);
const segment = fc.oneof(
  fc.constantFrom(...NASTY),
  rubbish.map((text) => text.replaceAll(/[?#/]/g, '-')),
);

/** Requests made of these ingredients; a tenth of them has random bytes changed. */
export function fuzzedRequests(given: Ingredients): fc.Arbitrary<FuzzedRequest> {
  const id = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...given.ids) },
    { weight: 4, arbitrary: fc.constantFrom(...given.foreignIds) },
    { weight: 1, arbitrary: fc.uuid() },
    { weight: 3, arbitrary: segment },
  );
  const whole = fc
    .record({
      route: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...ROUTES) },
        { weight: 1, arbitrary: rubbish.map((text) => `/${text}`) },
      ),
      method: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, fc.constantFrom(...METHODS)),
      id,
      query: queries(id),
      credential: fc.oneof(
        { weight: 9, arbitrary: fc.constant(given.credentials[0] ?? '') },
        { weight: 9, arbitrary: fc.constantFrom(...given.credentials) },
        { weight: 1, arbitrary: fieldValue },
      ),
      headers: fc.array(header, { maxLength: 4 }),
      body: fc.option(bodies(id), { freq: 3 }),
    })
    .map(serialized);
  return fc
    .tuple(
      whole,
      fc.integer({ min: 0, max: 9 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
    )
    .map(([request, chance, changes]) => (chance === 0 ? broken(request, changes) : request));
}

function queries(id: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const pair = fc
    .tuple(fc.constantFrom(...KEYS), fc.oneof(segment, id))
    .map(([key, value]) => `${key}=${value}`);
  return fc.array(pair, { maxLength: 4 }).map((pairs) => (pairs.length > 0 ? `?${pairs.join('&')}` : ''));
}

const header = fc.tuple(
  fc.constantFrom(
    'Last-Event-ID',
    'Idempotency-Key',
    'Cookie: jobstream_stream',
    'If-None-Match',
    'Accept',
    'Accept-Encoding',
    'Origin',
    'Sec-Fetch-Site',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-HTTP-Method-Override',
    'X-Original-URL',
    'Content-Encoding',
    'Range',
    'Upgrade',
    'Forwarded',
  ),
  fieldValue,
);

function bodies(id: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    id,
    fc.constantFrom('\u0000', '\ud800', 1e308, -0, '__proto__'),
  );
  const mostly = (valid: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 8, arbitrary: valid }, { weight: 1, arbitrary: value });
  const submit = fc.record(
    {
      type: mostly(fc.constant('demo.steps')),
      payload: mostly(fc.constant({ steps: 2, stepMs: 0 })),
      runAt: mostly(fc.constant('2100-01-01T00:00:00Z')),
      priority: mostly(fc.integer({ min: 0, max: 9 })),
      tags: mostly(fc.oneof(fc.constant(['shared']), fc.array(characters(0, 0xffff, 66), { maxLength: 18 }))),
      maxAttempts: mostly(fc.constant(1)),
    },
    { requiredKeys: ['type', 'payload'] },
  );
  const ticket = fc.record({ jobs: fc.array(id, { maxLength: 3 }), feed: value }, { requiredKeys: [] });
  const revocation = fc.record({ tokenId: value, key: id, job: value }, { requiredKeys: [] });
  const apiKey = fc.record(
    { name: value, subject: value, scopes: fc.oneof(fc.constant(['jobs:read']), value), expiresAt: value },
    { requiredKeys: ['scopes'] },
  );
  const objects = fc
    .oneof({ weight: 4, arbitrary: submit }, ticket, revocation, apiKey, value)
    .map((body) => JSON.stringify(body));
  return fc.oneof(
    { weight: 8, arbitrary: objects },
    { weight: 1, arbitrary: characters(0, 0xffff, 200) },
    { weight: 1, arbitrary: objects.map((text) => text.slice(0, text.length / 2)) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 33_000 }).map((levels) => '['.repeat(levels) + ']'.repeat(levels)),
    },
  );
}

interface Parts {
  route: string;
  method: string | null;
  id: string;
  query: string;
  credential: string;
  headers: [name: string, value: string][];
  body: string | null;
}

function serialized({ route, method, id, query, credential, headers, body }: Parts): FuzzedRequest {
  const name = method ?? MADE_FOR[route] ?? (body === null ? 'GET' : 'POST');
  const lines = [`${name} ${route.replace('ID', id)}${query} HTTP/1.1`, 'Host: jobs.test'];
  if (credential !== '') lines.push(`Authorization: ${credential}`);
  for (const [field, value] of headers) lines.push(`${field}${field.includes(':') ? '=' : ': '}${value}`);
  const content = Buffer.from(body ?? '', 'utf8');
  if (body !== null) lines.push('Content-Type: application/json', `Content-Length: ${content.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return { method: name, bytes: Buffer.concat([head, content]), broken: name === 'get' };
}

function broken({ method, bytes }: FuzzedRequest, changes: [at: number, byte: number][]): FuzzedRequest {
  const changed = Buffer.from(bytes);
  for (const [at, byte] of changes) changed[at % changed.length] = byte;
  return { method, bytes: changed, broken: true };
}
