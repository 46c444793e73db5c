import { BadRequestException, UnsupportedMediaTypeException } from '@nestjs/common';
import { errorBody } from './error-body.ts';

interface Headers {
  readonly [name: string]: string | string[] | undefined;
}

const PARAMETER = String.raw`[\w!#$&^.+-]+=(?:"[^"]*"|[\w!#$&^.+-]+)`;
const JSON_TYPE = new RegExp(String.raw`^application\/json *(?:; *${PARAMETER} *)*;? *$`, 'i');
const CHARSET = /; *charset="?([^";]*)/i;

/**
 * Why a body must not be read, or null. Both HTTP servers take the same ones: JSON in UTF-8, as it is. Forms are
 * refused because pages of any origin may send them, compressed bodies because they cost more than they weigh.
 */
export function refusalOf(headers: Headers): UnsupportedMediaTypeException | null {
  if (!hasBody(headers)) return null;
  const type = headers['content-type'];
  if (typeof type !== 'string' || !JSON_TYPE.test(type)) return refuse('Send JSON as application/json.');
  const charset = CHARSET.exec(type)?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset)) return refuse('Send JSON in UTF-8.');
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== '' && encoding !== 'identity') return refuse('Send the body without a Content-Encoding.');
  return null;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The value of a JSON text, of which a byte order mark is no part; undefined where there is no text. */
export function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(utf8.decode(body));
  } catch (error) {
    throw new BadRequestException(errorBody(400, (error as Error).message), { cause: error });
  }
}

/** RFC 9112, 6.3: a length or a transfer coding says that there is one. */
function hasBody(headers: Headers): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function refuse(message: string): UnsupportedMediaTypeException {
  return new UnsupportedMediaTypeException(errorBody(415, message));
}
