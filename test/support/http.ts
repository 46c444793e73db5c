import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { secret, secretsIn } from './secrets.ts';

/** What the server answered, whole. */
export class Answer {
  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    readonly text: string,
  ) {}

  /** The body as JSON; throws with the whole answer when it is none. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names what the caller expects, once
  json<T = Record<string, unknown>>(): T {
    try {
      return JSON.parse(this.text) as T;
    } catch (cause) {
      throw new Error(`Status ${this.status} with a body that is no JSON: ${this.text}`, { cause });
    }
  }
}

export interface Request {
  method?: string;
  token?: string | undefined;
  headers?: OutgoingHttpHeaders;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it stands, with the content type of `headers`, by default JSON's. */
  raw?: string | Buffer;
}

const TIMEOUT_MS = 15_000;

/**
 * One HTTP exchange on a connection of its own, with the path and the bytes exactly as given. Rejects when
 * the answer has not ended within 15 s, as that of a stream would.
 */
export function send(url: string, given: Request = {}): Promise<Answer> {
  const body = given.raw ?? (given.body === undefined ? undefined : JSON.stringify(given.body));
  const options = {
    ...target(url),
    method: given.method ?? 'GET',
    agent: false,
    headers: headersOf(given, body),
  };
  return new Promise((resolve, reject) => {
    const call = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        clearTimeout(timer);
        const { statusCode = 0, headers } = response;
        const answer = new Answer(statusCode, headers, Buffer.concat(chunks).toString());
        noteSecrets(url, given, answer);
        resolve(answer);
      });
    });
    const timer = setTimeout(
      () => call.destroy(new Error(`No whole answer within ${TIMEOUT_MS} ms`)),
      TIMEOUT_MS,
    );
    call.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    call.end(body);
  });
}

/** Not through `URL`, which would tidy up a path that is malformed on purpose. */
export function target(url: string): { host: string; port: string; path: string } {
  const match = /^http:\/\/([^:/]+):(\d+)(.*)$/.exec(url);
  if (!match) throw new Error(`Not a URL with host and port: ${url}`);
  const [, host = '', port = '', path] = match;
  return { host, port, path: path || '/' };
}

function headersOf({ token, headers }: Request, body: string | Buffer | undefined): OutgoingHttpHeaders {
  return {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...headers,
  };
}

/** What went over the wire is in no log: credentials of the request, and those that the answer hands out. */
export function noteSecrets(
  url: string,
  { token, headers }: Request,
  answer: Pick<Answer, 'headers' | 'text'>,
): void {
  secret(token);
  for (const text of [url, answer.text, ...(answer.headers['set-cookie'] ?? [])]) secretsIn(text);
  for (const name of ['cookie', 'authorization']) secretsIn(String(headers?.[name] ?? ''));
}
