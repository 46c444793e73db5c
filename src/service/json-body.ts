import type { IncomingHttpHeaders } from 'node:http';
import { BadRequestException, UnsupportedMediaTypeException } from '@nestjs/common';
import { errorBody } from './error-body.ts';

const PARAMETER = String.raw`[\w!#$&^.+-]+=(?:"[^"]*"|[\w!#$&^.+-]+)`;
const JSON_TYPE = new RegExp(String.raw`^application\/json *(?:; *${PARAMETER} *)*;? *$`, 'i');
const CHARSET = /; *charset="?([^";]*)/i;

/**
 * Throws the 415 of a body that must not be read. Both HTTP servers take the same ones: JSON in UTF-8, as it is. Forms are
 * refused because pages of any origin may send them, compressed bodies because they cost more than they weigh.
 */
export function checkBody(headers: IncomingHttpHeaders): void {
  if (!hasBody(headers)) return;
  const type = headers['content-type'];
  if (type === undefined || !JSON_TYPE.test(type)) throw refusal('Send JSON as application/json.');
  const charset = CHARSET.exec(type)?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset)) throw refusal('Send JSON in UTF-8.');
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== '' && encoding !== 'identity') throw refusal('Send the body without a Content-Encoding.');
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
function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function refusal(message: string): UnsupportedMediaTypeException {
  return new UnsupportedMediaTypeException(errorBody(415, message));
}
