import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { Outage } from '../runtime/outage.ts';

/**
 * A key set older than this is read again in the background while its keys still work. A withdrawn key is accepted for
 * about this long.
 */
const FRESH_MS = 600_000;
/**
 * A key set older than this verifies nothing until it was read again, for instance after a long outage of its server.
 */
const OLDEST_MS = 3_600_000;
/** An unknown key id causes a new read, but no sooner than this after the last, so that made-up ids cause no load. */
const COOLDOWN_MS = 30_000;
/** Pause before the next read after one that failed. */
const RETRY_MS = 5_000;
const TIMEOUT_MS = 5_000;
/** A set holds a handful of keys of at most 2 kB each. */
const MAX_BYTES = 256 * 1024;

const UNREAD =
  'The JWK set cannot be read; meanwhile only tokens of known keys are accepted, for an hour at most';

type Fetch = (url: string, options: RequestInit) => Promise<Response>;

/**
 * The keys of a remote JWK set. `jose` reads it, one request at a time and seldom for unknown keys. This adds two
 * things. First, `jose` blocks on reading an old set and fails if that fails. Here that happens only after an hour;
 * until then an old set is read in the background and its keys still work while the server is down. Second, `jose` asks
 * a failing server again for every token. Here it pauses for 5 s.
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
    // A failure was already reported by the source.
    if (source.isOld()) void keys.reload().catch(() => undefined);
    return keys(header, token);
  };
}

/** Reads the set within limits of size and time, and reports outages. */
class KeySource {
  readonly #outage = new Outage('Jobstream keys', 'The JWK set is read again');
  #readAt: number | null = null;
  /** Null when the last read succeeded. */
  #failedAt: number | null = null;

  isOld(): boolean {
    return this.#readAt !== null && Date.now() - this.#readAt > FRESH_MS;
  }

  /** Called by `jose`, which sets the timeout and forbids redirects. */
  readonly fetch: Fetch = async (url, options) => {
    if (this.#failedAt !== null && Date.now() - this.#failedAt < RETRY_MS)
      throw new Error('The JWK set could not be read a moment ago.');
    try {
      const text = await fetchText(url, options);
      // A body that is no key set must count as a failure here. The result is unused because `jose` parses the text
      // again.
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

/** The body of a response with status 200, up to the size limit. Other responses are errors. */
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
