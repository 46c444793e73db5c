import { Logger } from '@nestjs/common';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

/** Keys older than this are read again: how long one that was withdrawn may go on working. */
const FRESH_MS = 600_000;
/** A key that is unknown has the set read again, but not sooner than this: whoever makes up ids costs nothing. */
const COOLDOWN_MS = 30_000;
/** The same, while the set cannot be read. */
const RETRY_MS = 5_000;
const TIMEOUT_MS = 5_000;
/** Sets hold a handful of keys, of 2 kB each at most. */
const MAX_BYTES = 256 * 1024;

/**
 * The keys of a JWK set that a server keeps. However many tokens come, the server is asked once at a time, and
 * not again at once; while it does not answer, the keys that are known go on working.
 */
export class RemoteKeys {
  readonly #log = new Logger('Jobstream keys');
  #keys: JWTVerifyGetKey | null = null;
  #readAt = 0;
  #mayAskAt = 0;
  #reading: Promise<void> | null = null;
  #failing = false;

  constructor(private readonly url: string) {}

  /** The key that a token names; throws where there is none. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (!this.#keys) await this.#read();
    else if (Date.now() - this.#readAt > FRESH_MS) void this.#read();
    try {
      return await this.#known(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await this.#read();
    return this.#known(header, token);
  };

  #known: JWTVerifyGetKey = async (header, token) => {
    if (!this.#keys) throw new Error('The keys have not been read yet.');
    return this.#keys(header, token);
  };

  /** Reads the set unless that was tried a moment ago; never rejects. */
  async #read(): Promise<void> {
    if (!this.#reading && Date.now() < this.#mayAskAt) return;
    this.#reading ??= this.#ask().finally(() => (this.#reading = null));
    await this.#reading;
  }

  async #ask(): Promise<void> {
    try {
      this.#keys = createLocalJWKSet(JSON.parse(await fetchText(this.url)) as JSONWebKeySet);
      this.#readAt = Date.now();
      this.#report(null);
    } catch (error) {
      this.#report(error as Error);
    }
    this.#mayAskAt = Date.now() + (this.#failing ? RETRY_MS : COOLDOWN_MS);
  }

  #report(error: Error | null): void {
    if (error && !this.#failing)
      this.#log.error(
        `The JWK set cannot be read (${error.message}); only tokens of keys that are known are taken meanwhile.`,
      );
    if (!error && this.#failing) this.#log.log('The JWK set is read again.');
    this.#failing = error !== null;
  }
}

/** The body of a plain 200: keys are taken from nowhere else, and no more than fits. */
async function fetchText(url: string): Promise<string> {
  const headers = { accept: 'application/json, application/jwk-set+json' };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { status, body } = await fetch(url, { headers, signal, redirect: 'manual' });
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
