import { errorName } from './loggable.ts';
import { isError, isList, isObject, read, reasonsOf, stringOf } from './readable.ts';
import { shortJson } from './short-json.ts';

/** Most errors described in one text. Bounds long or wide trees of causes, and cycles. */
const MOST = 10;
/**
 * Texts without information: blank ones, and `[object …]`, which `String()` and `new Error(object)` make of an object.
 */
const SAYS_NOTHING = /^\s*$|^\[object \w+\]$/;

/**
 * The message of any thrown value, followed by those of its causes and of its first inner errors. Never empty, at most
 * `limit` characters, never throws.
 */
export function errorText(thrown: unknown, limit = 1_000): string {
  return new Telling(limit, false).tell(thrown).slice(0, limit);
}

/** The text of a log line for any value: errors with their classes, codes and causes, objects as JSON. */
export function logText(entry: unknown, limit: number): string {
  if (!isObject(entry)) return String(entry).slice(0, limit);
  const telling = new Telling(limit, true);
  return (isError(entry) ? telling.tell(entry) : telling.json(entry)).slice(0, limit);
}

class Telling {
  readonly #told = new Set<object>();

  constructor(
    private readonly limit: number,
    /** Whether class and code precede each message. */
    private readonly named: boolean,
  ) {}

  /** Empty for an error that was described already, and after `MOST` errors. */
  tell(thrown: unknown): string {
    if (!isObject(thrown)) return primitiveText(thrown);
    if (this.#told.has(thrown) || this.#told.size >= MOST) return '';
    this.#told.add(thrown);
    return this.#withReasons(thrown, this.#own(thrown)) || withoutMessage(thrown);
  }

  json(value: object): string {
    return shortJson(value, this.limit, (error) => this.tell(error));
  }

  #withReasons(thrown: object, own: string): string {
    const { reasons, more } = reasonsOf(thrown);
    const told = new Set(reasons.map((reason) => (isObject(reason) ? this.tell(reason) : String(reason))));
    // Many errors already quote their cause.
    const news = [...told].filter((reason) => !own.includes(reason));
    if (news.length === 0) return own;
    const why = news.join('; ') + (more > 0 ? ` (and ${more} more)` : '');
    if (own === '') return why;
    // A long message must not push the reason beyond the limit.
    const most = Math.ceil(this.limit / 2);
    const start = own.length > most ? `${own.slice(0, most - 1)}…` : own;
    return `${start.replace(/[.:;,]$/, '')}: ${why}`;
  }

  /** The text of the error itself without its reasons; may be empty. */
  #own(thrown: object): string {
    const message = this.#messageOf(thrown);
    if (!this.named || !isError(thrown)) return message;
    return message === '' ? errorName(thrown) : `${errorName(thrown)}: ${message}`;
  }

  #messageOf(thrown: object): string {
    const message = read(thrown, 'message');
    if (typeof message === 'string' && !SAYS_NOTHING.test(message)) return message.slice(0, this.limit);
    if (isObject(message)) return this.json(message);
    if (message != null && typeof message !== 'string') return stringOf(message);
    return isError(thrown) ? '' : this.#objectText(thrown);
  }

  #objectText(thrown: object): string {
    const text = isList(thrown) ? '' : stringOf(thrown);
    if (!SAYS_NOTHING.test(text)) return text.slice(0, this.limit);
    const json = this.json(thrown);
    if (json === '{}' || json === '"[not readable]"') return '';
    const name = errorName(thrown).replace(/^a thrown /, '');
    return name.startsWith('object') || isList(thrown) ? json : `${name} ${json}`;
  }
}

function primitiveText(thrown: unknown): string {
  if (typeof thrown === 'string') return SAYS_NOTHING.test(thrown) ? 'An empty text was thrown.' : thrown;
  if (typeof thrown !== 'function') return `${String(thrown)} was thrown.`;
  const name = read(thrown, 'name');
  return typeof name === 'string' && name !== ''
    ? `The function ${name} was thrown.`
    : 'A function was thrown.';
}

function withoutMessage(thrown: object): string {
  const name = errorName(thrown);
  const status = read(thrown, 'status');
  const detail = typeof status === 'number' ? `with status ${status}` : 'without a message';
  return isError(thrown) ? `${name} ${detail}` : `${name.replace(/^a/, 'A')} ${detail}`;
}
