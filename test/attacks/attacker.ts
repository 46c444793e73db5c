import { LATER, type Submitted } from '../support/app.ts';
import { send } from '../support/http.ts';
import { openStream } from '../support/sse.ts';
import { signToken } from '../support/tokens.ts';
import type { Ingredients } from './fuzzed-requests.ts';

const OWN_JOBS = 6;

/** All that a plain user of `acme` can come by honestly, and what is worth nothing, to make requests of. */
export async function attackWith(url: string, foreignIds: readonly string[]): Promise<Ingredients> {
  const token = await signToken();
  const admin = await signToken({ tenant: 'operators', subject: 'root', scope: 'jobs:admin' });
  const post = async <T>(path: string, body: object, as = token): Promise<T> => {
    const answer = await send(`${url}${path}`, { method: 'POST', token: as, body });
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
    return answer.json<T>();
  };
  const submission = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER, tags: ['shared'] };
  const key = { name: 'n', tenant: 'acme', subject: 'alice', scopes: ['jobs:read'] };
  const own = await times(OWN_JOBS, () => post<Submitted>('/jobs', submission));
  const keys = await times(OWN_JOBS, () => post<{ id: string }>('/api-keys', key, admin));
  const ids = own.map(({ job }) => job.id);
  const tickets = await Promise.all([
    post<{ ticket: string }>('/tickets', { jobs: ids }),
    post<{ ticket: string }>('/tickets', { feed: true }),
  ]);
  const [job = '', feed = ''] = tickets.map(({ ticket }) => ticket);
  return {
    ids,
    foreignIds,
    admin: `Bearer ${admin}`,
    keyIds: keys.map(({ id }) => id),
    tickets: [job, feed],
    cookies: await Promise.all([
      ...ids.map((id) => cookieValue(`${url}/jobs/${id}/events?ticket=${job}`)),
      cookieValue(`${url}/jobs/events?ticket=${feed}`),
    ]),
    credentials: await credentials(token, own[0]?.viewer.token ?? ''),
  };
}

function times<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, make));
}

async function cookieValue(url: string): Promise<string> {
  const stream = await openStream(url);
  stream.destroy();
  const [, value] = /^jobstream_stream=([^;]+)/.exec(stream.headers['set-cookie']?.[0] ?? '') ?? [];
  if (!value) throw new Error(`No cookie from ${url}`);
  return value;
}

async function credentials(token: string, viewer: string): Promise<string[]> {
  const others = await Promise.all([
    signToken({ scope: 'jobs:read jobs:write jobs:tenant' }),
    signToken({ scope: 'jobs:read' }),
    signToken({ subject: 'bob' }),
    signToken({ expiresIn: -3_600 }),
    signToken({ secret: 'another secret of thirty-two bytes or more' }),
    signToken({ issuer: 'https://elsewhere.test' }),
  ]);
  const bearer = [token, ...others, viewer, 'jsk_none_at_all', 'a.b.c'].map((one) => `Bearer ${one}`);
  return [...bearer, '', 'Basic YTpi', 'Bearer', `bearer  ${token}`];
}
