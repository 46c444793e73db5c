import { type JWTPayload, SignJWT } from 'jose';
import type { TestApp } from '../support/app.ts';
import { openStream } from '../support/sse.ts';

/** A token that is signed with a key of the service itself, as nobody outside can. */
export async function mint(
  app: TestApp,
  key: 'viewer' | 'stream',
  payload: JWTPayload,
  alg = 'HS256',
): Promise<string> {
  const [row] = await app.dataSource.query<{ key: Buffer }[]>(
    'SELECT key FROM jobs.signing_key WHERE name = $1',
    [key],
  );
  // HS384 and HS512 want longer keys; these bytes are right as far as they go.
  const bytes = Buffer.concat([row?.key ?? Buffer.alloc(0), Buffer.alloc(32)]);
  return new SignJWT(payload)
    .setProtectedHeader({ alg })
    .sign(alg === 'HS256' ? bytes.subarray(0, -32) : bytes);
}

/** The claims of a viewer token that lives for so many seconds. */
export function viewerClaims(job: string, expiresIn = 900): JWTPayload {
  const now = Math.floor(Date.now() / 1_000);
  const names = { tenant: 'acme', job, sub: 'alice', iss: 'jobstream', aud: 'jobstream:viewer' };
  return { ...names, iat: now, exp: now + expiresIn };
}

/** A ticket; throws unless it is made. */
export async function ticketFor(app: TestApp, body: object, as: object | string = {}): Promise<string> {
  const answer = await app.post('/tickets', body, as);
  if (answer.status !== 201) throw new Error(`No ticket: ${answer.status} ${answer.text}`);
  return answer.json<{ ticket: string }>().ticket;
}

/** The cookie that the ticket turns into at this path, as a client sends it. */
export async function cookieFor(app: TestApp, path: string, ticket: string): Promise<string> {
  const stream = await openStream(`${app.url}${path}?ticket=${ticket}`);
  stream.destroy();
  return stream.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
}
