import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { Outage } from '../runtime/outage.ts';

/** Keys older than this are read again while they go on working: how long one that was withdrawn may be taken. */
const FRESH_MS = 600_000;
/** Keys older than this verify nothing until the set was read again: after a long silence, or a long outage of it. */
const OLDEST_MS = 3_600_000;
/** A key that is unknown has the set read again, but not sooner than this: whoever makes up ids costs nothing. */
const COOLDOWN_MS = 30_000;
/** The same, while the set cannot be read. */
const RETRY_MS = 5_000;
const TIMEOUT_MS = 5_000;
/** Sets hold a handful of keys, of 2 kB each at most. */
const MAX_BYTES = 256 * 1024;

const UNREAD =
  'The JWK set cannot be read; only tokens of keys that are known are taken meanwhile, for an hour at most';

type Fetch = (url: string, options: RequestInit) => Promise<Response>;

/**
 * The keys of a JWK set that a server keeps, by jose, which asks once at a time, and seldom for unknown keys. Two things
 * are done around it. Jose reads a set that is old before it verifies anything, and fails with it: here that is so after
 * an hour only, and before that nobody waits, and known keys go on working while the server does not answer. And jose
 * asks a server that failed again for each token: here it is left alone for a moment.
 */
export function remoteKeys(url: string): JWTVerifyGetKey {
  const source = new KeySource();
  const keys = createRemoteJWKSet(new URL(url), {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: OLDEST_MS,
    [customFetch]: source.fetch,
  });
  return async (header, token) => {
    // Where that fails, the source has told of it.
    if (source.isOld()) void keys.reload().catch(() => undefined);
    return keys(header, token);
  };
}

/** Reads the set within bounds, and tells when that begins to fail and when it works again. */
class KeySource {
  readonly #outage = new Outage('Jobstream keys', 'The JWK set is read again');
  #readAt: number | null = null;
  /** Null: the last time went well. */
  #failedAt: number | null = null;

  isOld(): boolean {
    return this.#readAt !== null && Date.now() - this.#readAt > FRESH_MS;
  }

  /** Called by jose, which gives the deadline and refuses to follow redirects. */
  readonly fetch: Fetch = async (url, options) => {
    if (this.#failedAt !== null && Date.now() - this.#failedAt < RETRY_MS)
      throw new Error('The JWK set could not be read a moment ago.');
    try {
      const text = await fetchText(url, options);
      // What is no set has to count as a failure here; jose makes its own of the text.
      createLocalJWKSet(JSON.parse(text));
      this.#readAt = Date.now();
      this.#failedAt = null;
      this.#outage.over();
      return new Response(text);
    } catch (error) {
      this.#failedAt = Date.now();
      this.#outage.told(UNREAD, error);
      throw error;
    }
  };
}

/** The body of a plain 200: keys are taken from nowhere else, and no more than fits. */
async function fetchText(url: string, options: RequestInit): Promise<string> {
  const { status, body } = await fetch(url, options);
  if (status !== 200 || !body) {
    await body?.cancel();
    throw new Error(`status ${status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
