import * as fc from 'fast-check';
import { bodiesFor } from './fuzzed-bodies.ts';
import { fieldValue, rubbish, segment } from './fuzzed-texts.ts';
import { RULES } from './matrix/rules.ts';

/** What requests are made of besides rubbish. */
export interface Ingredients {
  /** Of the attacker. */
  ids: readonly string[];
  foreignIds: readonly string[];
  /** Values for `Authorization`, good and bad; the first is the most common. */
  credentials: readonly string[];
  /** One of an administrator, who alone gets behind the checks of some routes; it goes to those alone. */
  admin: string;
  /** Of API keys that nobody needs. */
  keyIds: readonly string[];
  tickets: readonly string[];
  /** Values of the cookie that tickets turn into. */
  cookies: readonly string[];
}

export interface FuzzedRequest {
  method: string;
  bytes: Buffer;
  /** Whether it is no HTTP any more, so that nothing may follow on its connection. */
  broken: boolean;
  /** The route that it is for, with the kind of its credential on a stream; null where it is for none. */
  route: string | null;
}

interface Route {
  /** As the rules call it, for instance `GET /jobs/:id`. */
  name: string;
  method: string;
  path: string;
  stream: boolean;
  admin: boolean;
}

/** Every route of the service: the matrix fails for one that has no rule. */
const ROUTES: readonly Route[] = Object.entries(RULES).map(([name, { stream = false, needs }]) => {
  const [method = '', path = ''] = name.split(' ');
  return { name, method, path, stream, admin: needs === 'admin' };
});
const STREAM_CREDENTIALS = ['bearer', 'ticket', 'cookie'] as const;

/** What requests can be for, as `FuzzedRequest.route` names it. */
export const ROUTE_NAMES: readonly string[] = ROUTES.flatMap(({ name, stream }) =>
  stream ? STREAM_CREDENTIALS.map((by) => `${name} by ${by}`) : [name],
);

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
  'action',
  'subject',
  '__proto__',
  'constructor',
  'tag[]',
  'tag[a][b]',
  '__proto__[x]',
];
const HEADERS = [
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
];

/** How a request says who sends it. */
interface Proof {
  kind: (typeof STREAM_CREDENTIALS)[number];
  authorization: string;
  /** Beginning with `ticket=`; empty where there is none. */
  ticket: string;
  cookie: string;
}

/** Requests made of these ingredients; a tenth of them has random bytes changed. */
export function fuzzedRequests(given: Ingredients): fc.Arbitrary<FuzzedRequest> {
  const whole = fc.oneof(
    { weight: 9, arbitrary: fc.oneof(...ROUTES.map((route) => weighted(route, requestsFor(route, given)))) },
    { weight: 1, arbitrary: rubbish.chain((text) => requestsFor(nowhere(text), given)) },
  );
  return fc
    .tuple(
      whole,
      fc.integer({ min: 0, max: 9 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
    )
    .map(([request, chance, changes]) => (chance === 0 ? broken(request, changes) : request));
}

/** Submissions come more often than others, as they have more to get wrong. */
function weighted(route: Route, arbitrary: fc.Arbitrary<FuzzedRequest>) {
  return { weight: route.name === 'POST /jobs' ? 4 : 1, arbitrary };
}

function nowhere(text: string): Route {
  return { name: '', method: 'GET', path: `/${text}`, stream: false, admin: false };
}

function requestsFor(route: Route, given: Ingredients): fc.Arbitrary<FuzzedRequest> {
  const foreignId = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...given.foreignIds) }, fc.uuid());
  const own = route.path.startsWith('/api-keys') ? given.keyIds : given.ids;
  const id = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...own) },
    { weight: 4, arbitrary: foreignId },
    { weight: 3, arbitrary: segment },
  );
  const none = fc.constant(null);
  const body = bodiesFor(route.path, id, foreignId);
  const method = fc.oneof({ weight: 5, arbitrary: fc.constant(route.method) }, fc.constantFrom(...METHODS));
  return fc
    .record({
      route: fc.constant(route),
      method,
      id,
      query: fc.array(pairs(id), { maxLength: 4 }),
      proof: proofs(route, given),
      headers: fc.array(fc.tuple(fc.constantFrom(...HEADERS), fieldValue), { maxLength: 4 }),
      body:
        route.method === 'POST'
          ? fc.oneof({ weight: 19, arbitrary: body }, none)
          : fc.oneof({ weight: 9, arbitrary: none }, body),
    })
    .map(serialized);
}

function pairs(id: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom(...KEYS), fc.oneof(segment, id)).map(([key, value]) => `${key}=${value}`);
}

function proofs({ stream, admin }: Route, given: Ingredients): fc.Arbitrary<Proof> {
  const usual = admin ? given.admin : (given.credentials[0] ?? '');
  const bearer = fc.oneof(
    { weight: 9, arbitrary: fc.constant(usual) },
    { weight: 9, arbitrary: fc.constantFrom(...given.credentials) },
    { weight: 1, arbitrary: fieldValue },
  );
  const none: Proof = { kind: 'bearer', authorization: '', ticket: '', cookie: '' };
  return fc.oneof(
    { weight: stream ? 2 : 18, arbitrary: bearer.map((authorization) => ({ ...none, authorization })) },
    fc.constantFrom(...given.tickets).map((ticket): Proof => ({ ...none, kind: 'ticket', ticket })),
    fc.constantFrom(...given.cookies).map((cookie): Proof => ({ ...none, kind: 'cookie', cookie })),
  );
}

interface Parts {
  route: Route;
  method: string;
  id: string;
  query: string[];
  proof: Proof;
  headers: [name: string, value: string][];
  body: string | null;
}

function serialized({ route, method, id, query, proof, headers, body }: Parts): FuzzedRequest {
  const { kind, authorization, ticket, cookie } = proof;
  const asked = [...query, ...(ticket ? [`ticket=${ticket}`] : [])].join('&');
  const path = `${route.path.replace(/:\w+/, () => id)}${asked && `?${asked}`}`;
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: jobs.test'];
  if (authorization !== '') lines.push(`Authorization: ${authorization}`);
  if (cookie !== '') lines.push(`Cookie: jobstream_stream=${cookie}`);
  for (const [field, value] of headers) lines.push(`${field}${field.includes(':') ? '=' : ': '}${value}`);
  const content = Buffer.from(body ?? '', 'utf8');
  if (body !== null) lines.push('Content-Type: application/json', `Content-Length: ${content.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const meant = method === route.method ? `${route.name}${route.stream ? ` by ${kind}` : ''}` : '';
  return {
    method,
    bytes: Buffer.concat([head, content]),
    broken: method === 'get',
    route: meant === '' ? null : meant,
  };
}

function broken({ bytes }: FuzzedRequest, changes: [at: number, byte: number][]): FuzzedRequest {
  const changed = Buffer.from(bytes);
  for (const [at, byte] of changes) changed[at % changed.length] = byte;
  // A changed byte may have made it another method.
  const method = changed.toString('latin1', 0, 12).split(' ', 1)[0] ?? '';
  return { method, bytes: changed, broken: true, route: null };
}
